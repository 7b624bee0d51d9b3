"""A regression gate: a stored baseline of repeats, and whether new runs are as fast.

sample.py, fisher.py, verdict.py: the test. further.py: how many more runs would decide.
baseline.py, file.py: what is stored, and as what. likeness.py: what may be compared. choice.py:
which runs count. check.py: new runs against a baseline. keeping.py: save and update.
exports.py: files for other services.
"""
