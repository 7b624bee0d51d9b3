"""The process between mrbench and a job or step: takes its output, limits it, ends its whole tree.

A process of its own, in a session of its own, so that nothing mrbench does delays the arrival
times and mrbench's death leaves nothing running. It imports the standard library only, and of that
little, to be up within a few hundredths of a second; nothing else of mrbench imports it.
"""
