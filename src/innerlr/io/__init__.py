"""Files of a run: read, verified against their records, compared with another run's."""
