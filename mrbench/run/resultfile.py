"""A result file of the training as its log: copied into the run's folder while it grows.

Each part is stamped when it was seen, as the training's output is, so that the file's rows have an
arrival clock. Some loggers write the whole file anew once a row has another column: then its lines
that are copied already are passed over, except a header, which names the columns from there on.
"""

import contextlib
import os
import stat
import threading
import time
from pathlib import Path
from typing import Self

from mrbench.files import real_path
from mrbench.measure.parsers.tfevents import is_events
from mrbench.record.rundir import RunDir
from mrbench.text import printable

LOOK_S = 0.05  # a look costs some microseconds, unless the file has grown
MOST_BYTES = 1 << 30  # of a file; what comes behind is not measured
PART_BYTES = 1 << 20
HEAD_BYTES = 1 << 12  # that show whether the file was written anew


class ResultFile:
    """Copies a file that appears below `output` to the run's folder, from a thread of its own.

    pattern: of its path, as Path.glob takes it; of several files the one that was changed last when
    the first is seen. problem: why nothing, or not all, was copied; known when the block is left.
    """

    def __init__(self, output: Path, pattern: str, folder: RunDir) -> None:
        self._output, self._pattern = output, pattern
        self._log, self._stamps = folder.result_log, folder.result_stamps
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._path: Path | None = None
        self._read_bytes = self._copied_bytes = self._lines = 0
        self._known = 0  # lines that stand in the file anew, but are copied already
        self._header = self._binary = False
        self._head = b""
        self._odd = ""  # what was there instead
        self._unended = False  # what was read last was the beginning of a line
        self.problem = ""

    def __enter__(self) -> Self:
        """Begin to look for it."""
        self._log.touch()
        self._stamps.touch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Copy what is left: the training has ended."""
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        try:
            while not self._over.wait(LOOK_S):
                self._look()
            self._look()
        except (OSError, ValueError, RuntimeError) as exc:  # too deep, or links in a circle
            self.problem = f"log.file: {getattr(exc, 'strerror', None) or exc}"
            return
        if self._path is None:
            odd = f" ({self._odd})" if self._odd else ""
            self.problem = f"log.file: the training wrote no {self._pattern} below its output{odd}"
        elif self._unended:
            name = printable(self._path.name)
            self.problem = f"log.file: {name} has no line's end, so that no row of it is whole"

    def _look(self) -> None:
        if self._path is None:
            self._path = self._found()
        if self._path is None:
            return
        if not real_path(self._path).is_relative_to(real_path(self._output)):
            return  # it was made a link out of there
        with contextlib.suppress(FileNotFoundError), open(self._path, "rb", opener=_open) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                return
            seen_ns = time.monotonic_ns()
            head = file.read(HEAD_BYTES)
            whole = state.st_size >= self._read_bytes
            if not (whole and head.startswith(self._head)):
                if b"\n" not in head:
                    return  # it is being written anew
                self._begin_anew(head)
            self._head = head
            self._binary = self._binary or is_events(head)
            file.seek(self._read_bytes)
            while part := file.read(PART_BYTES):
                end = len(part) if self._binary else part.rfind(b"\n") + 1
                if not end:
                    self._unended = not self._read_bytes
                    return
                self._unended = False
                self._read_bytes += end
                file.seek(self._read_bytes)
                self._copy(self._fresh(part[:end]), seen_ns)

    def _begin_anew(self, head: bytes) -> None:
        """Read from the beginning, but pass over what is copied: all lines, or all but a header."""
        same = head.split(b"\n", 1)[0] == self._head.split(b"\n", 1)[0]
        self._read_bytes, self._header = 0, not same
        self._known = self._lines if same else self._lines - 1

    def _fresh(self, part: bytes) -> bytes:
        """Return the lines of a part that are not copied yet."""
        if self._binary:
            return part
        lines = part.splitlines(keepends=True)
        header, self._header = (lines[:1] if self._header else []), False
        rest = lines[len(header) :]
        known = min(self._known, len(rest))
        self._known -= known
        fresh = header + rest[known:]
        self._lines += len(rest) - known
        return b"".join(fresh)

    def _copy(self, part: bytes, seen_ns: int) -> None:
        if not part or self._copied_bytes >= MOST_BYTES:
            return
        self._copied_bytes += len(part)
        with self._log.open("ab") as log:
            log.write(part)
        with self._stamps.open("ab") as stamps:
            stamps.write(b"%d %d\n" % (seen_ns, self._copied_bytes))

    def _found(self) -> Path | None:
        """Return the file, if it is there: a regular one within the output."""
        inside = real_path(self._output)
        found = []
        for path in self._output.glob(self._pattern):
            if not real_path(path).is_relative_to(inside):
                self._odd = f"{printable(path.name)} is a link that leads out of there"
                continue
            with contextlib.suppress(OSError):
                state = path.stat()
                if stat.S_ISREG(state.st_mode):
                    found.append((state.st_mtime_ns, path))
                else:
                    self._odd = f"{printable(path.name)} is a folder, a pipe or a device"
        return max(found)[1] if found else None


def _open(path: str, flags: int) -> int:
    """Open without waiting for the other end, which a FIFO may never have."""
    return os.open(path, flags | os.O_NONBLOCK)
