"""The families of figures, one folder each."""
