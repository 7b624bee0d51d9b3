"""A results repository: archives of runs in git, which anybody can check and add to."""
