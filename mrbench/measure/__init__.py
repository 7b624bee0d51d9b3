"""Log in, number out: lines and times, iterations by parsers, the number, or why there is none."""
