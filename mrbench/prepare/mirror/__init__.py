"""Mirrors for machines without internet: a folder with all that the recipes of a suite need.

create.py gathers (repos.py, wheels.py), manifest.py lists, verify.py checks.
"""
