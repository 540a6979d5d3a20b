"""What rules do around their work: jobs, files, notebooks, tables."""
