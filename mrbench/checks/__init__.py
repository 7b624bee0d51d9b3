"""What this machine has for a run, and what it lacks: one function for each thing to look at.

Each takes the plans and the user's places and returns findings. `mrbench doctor` shows all of
them; `mrbench run` asks only those that can refuse it, the cheap ones listed in preflight.py.
"""
