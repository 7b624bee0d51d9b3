"""A real terminal for tests: a program on a pty, and pyte that says what a person would see."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pyte

from waiting import SAFETY_S

LAST = b"\0"  # behind all that a program printed; terminals ignore it


class Terminal:
    """What stands on the screen of a program that was started on it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.master, self.slave = pty.openpty()
        self._tell_size(columns, rows)
        self.raw = b""

    def _tell_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size, as a person who drags its corner."""
        self.screen.resize(rows, columns)
        self.screen.ensure_hbounds()  # as every terminal does; pyte leaves the cursor outside
        self.screen.ensure_vbounds()
        self._tell_size(columns, rows)

    def look(self, wait_s: float = 0.05) -> list[str]:
        """Take in what was printed; return the lines of the screen without trailing blanks."""
        while select.select([self.master], [], [], wait_s)[0]:
            try:
                printed = os.read(self.master, 1 << 16)
            except OSError:  # everybody has closed the other side
                break
            self.raw += printed
            self._stream.feed(printed)
            wait_s = 0
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Look until the lines are such."""
        end = time.monotonic() + SAFETY_S
        while not seen(lines := self.look()):
            assert time.monotonic() < end, "waited in vain; the screen:\n" + "\n".join(lines)
        return lines

    def wait_for_end(self, process: "subprocess.Popen[bytes]") -> list[str]:
        """Look until the program has ended and all that it printed is taken in."""
        self.wait_for(lambda _: process.poll() is not None)
        os.write(self.slave, LAST)
        lines = self.wait_for(lambda _: self.raw.endswith(LAST))
        self.raw = self.raw.removesuffix(LAST)
        return lines


@contextlib.contextmanager
def mrbench_on(
    columns: int,
    rows: int,
    *words: object,
    cwd: Path,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    """Start mrbench on a terminal of its own; ends it, too."""
    terminal = Terminal(columns, rows)
    unset = ("NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE", "LANG", "COLUMNS", "LINES")
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.Popen(
        [sys.executable, "-m", "mrbench", *map(str, words)],
        cwd=cwd,
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env={**inherited, "TERM": "xterm-256color", "LANG": "C.UTF-8", **variables},
    )
    try:
        yield terminal, process
    finally:
        if process.poll() is None:
            process.terminate()
        while process.poll() is None:
            terminal.look()  # it may wait for room to print
        os.close(terminal.slave)
        os.close(terminal.master)
