"""The commands: each module adds its arguments, and its `main` returns the exit code."""
