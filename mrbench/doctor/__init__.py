"""What this machine has for a run, and what it lacks."""
