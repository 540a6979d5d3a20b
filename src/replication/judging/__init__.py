"""Judging what the paper claims."""
