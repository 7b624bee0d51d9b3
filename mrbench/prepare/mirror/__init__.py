"""Mirrors for machines without internet: a folder with all that the recipes of a suite need.

create.py gathers (repos.py, wheels.py, pretrained.py), manifest.py lists, verify.py checks.
"""
