"""A log as bytes and lines: blocks, time stamps, arrival times, what it states."""
