"""Omniglot: where its images come from, and what stands in for them."""
