"""A regression gate: a stored baseline of repeats, and whether new runs are as fast.

file.py: the baseline's file, whose types are in model/baseline.py. choice.py: which runs count.
likeness.py: what may be compared. verdict.py: the test. runs_needed.py: how many further runs would
decide. check.py: new runs against a baseline, words.py: in words. keeping.py: save and update.
"""
