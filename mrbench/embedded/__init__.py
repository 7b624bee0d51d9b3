"""The implementations that travel along: each folder is a repository of its own."""
