"""The machinery of settings: sections, sources, messages, and the configuration made of them."""
