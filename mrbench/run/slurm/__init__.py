"""Slurm: the script of a job, the commands that submit and ask, and what a job's state means.

client.py is the door to Slurm's commands; script.py renders, purely; states.py knows what became
of a job and what to do about it; watch.py is a program that cancels when mrbench dies.
"""
