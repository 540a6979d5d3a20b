"""Files: atomic writes, tables, arrays, provenance, and what a rule's script does around them."""

from innerlr.io.files import atomic, digest, load_arrays, read_table, write_arrays, write_table

__all__ = ["atomic", "digest", "load_arrays", "read_table", "write_arrays", "write_table"]
