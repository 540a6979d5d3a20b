"""One module a statement: what it needs of the features stage, its curves, and what is measured."""
