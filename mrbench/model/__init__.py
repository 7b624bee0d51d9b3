"""The nouns: frozen types with no I/O."""
