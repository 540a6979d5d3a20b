"""Files of a run: read, held against their digests and records, compared with another run's."""
