"""Lines that a terminal wrapped before they were captured: put together again."""

import re
from collections.abc import Iterator, Sequence

LINE = re.compile(rb"[^\r\n]+")
# A frame of a traceback always ends with its line's number and its function's name; one that does
# not, and is as long as any line here, was wrapped.
_FRAME = re.compile(rb'^ +File "[^\r\n]*$', re.MULTILINE)
_COMPLETE = re.compile(rb'^ +File "[^"]*", line \d+, in \S')
_LEAST_WIDTH = 40  # characters
_LOST = 1  # characters: a blank at the edge, which copying drops


def whole_lines(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a block and where each begins, wrapped ones as one."""
    lines = [(match.start(), match[0]) for match in LINE.finditer(block)]
    width = _width(block, [line for _, line in lines])
    start, joined = 0, b""
    for at, line in lines:
        start, joined = (start, joined + line) if joined else (at, line)
        length = _length(line) if width else 0
        if not width or length < width - _LOST:
            yield start, joined
            joined = b""
        elif length < width and not line.endswith(b" "):
            joined += b" "
    if joined:
        yield start, joined


def _width(block: bytes, lines: Sequence[bytes]) -> int:
    """Return the width of the terminal that wrapped the lines; 0 if none did."""
    cut = [line[0] for line in _FRAME.finditer(block) if not _COMPLETE.match(line[0])]
    longest = max(map(_length, cut), default=0)
    if longest < _LEAST_WIDTH:
        return 0
    width = max(_length(line) for line in lines if len(line) >= longest)
    return width if width <= longest + _LOST else 0


def _length(line: bytes) -> int:
    return len(line.decode(errors="replace"))
