"""Makes finds shorter, as long as they fail in the same place: `python shrink.py FILE...`."""

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from targets import PLANTED, TARGETS

LIMIT_S = 30.0  # for one file

Place = tuple[str, ...]


def main(paths: list[Path]) -> None:
    """Shrink each file, and print what is left of it."""
    for path in paths:
        call = {**TARGETS, **PLANTED}[path.name.partition("--")[0]].call
        text = path.read_bytes()
        if failure(call, text) is None:
            print(f"{path.name}: does not fail")
            continue
        text = shrunk(call, text)
        path.write_bytes(text)
        print(f"{path.name}: {len(text)} bytes: {text!r}")


def failure(call: Callable[[bytes], None], text: bytes) -> Place | None:
    """Return the kind of the failure and where it happens, or None."""
    try:
        call(text)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is a find
        frames = traceback.extract_tb(exc.__traceback__)[1:]
        return (type(exc).__name__, *(f"{frame.name} {frame.line}" for frame in frames))
    return None


def shrunk(call: Callable[[bytes], None], text: bytes) -> bytes:
    """Leave out parts, halving their size each time, while the failure stays."""
    place, end = failure(call, text), time.monotonic() + LIMIT_S
    size = len(text) // 2
    while size and time.monotonic() < end:
        at, shorter = 0, False
        while at < len(text) and time.monotonic() < end:
            without = text[:at] + text[at + size :]
            if failure(call, without) == place:
                text, shorter = without, True
            else:
                at += size
        size = size if shorter and size == 1 else size // 2
    return text


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
