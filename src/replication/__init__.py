"""The replication of the paper: its figures and tables, their claims, and the workflow's parts."""
