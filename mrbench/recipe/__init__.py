"""YAML in, plan out."""
