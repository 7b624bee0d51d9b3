"""A log as blocks of whole lines with offsets, plain or gzip; one that grows; its arrival times.

train.stamps, which the executor writes beside train.log, has a line of text for each chunk, in
order: `<monotonic clock, ns> <offset of the chunk's end>`, the offset in bytes into the log. A
chunk is what one read of the job's output returned. exit.json tells when the job was launched.
"""

import errno
import gzip
import itertools
import operator
import stat
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from mrbench.errors import MeasureError
from mrbench.files import cached

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 22
Block = tuple[int, bytes]  # offset of the first byte in the log, and whole lines

_GZIP = b"\x1f\x8b"


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield (offset, bytes) of a log, 1 MiB at a time, each cut at a line feed or carriage return.

    A line of more than 4 MiB is cut at a blank, if there is one. Offsets count unpacked bytes.
    Raises MeasureError where the file cannot be read.
    """
    return whole_lines(_chunks(path))


def whole_lines(chunks: Iterable[bytes]) -> Iterator[Block]:
    """Cut bytes as they come into blocks that end at a line's end, but perhaps the last."""
    offset = size = 0
    rest: list[bytes] = []
    for chunk in chunks:
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if not end and size + len(chunk) > LONGEST_LINE_BYTES:
            end = chunk.rfind(b" ") + 1 or len(chunk)
        if end:
            block = b"".join([*rest, chunk[:end]])
            yield offset, block
            offset += len(block)
            rest, size = [], 0
        if end < len(chunk):
            rest.append(chunk[end:])
            size += len(chunk) - end
    if rest:
        yield offset, b"".join(rest)


def follow_blocks(
    path: Path, ended: Callable[[float], bool], tick: Callable[[], None], poll_s: float
) -> Iterator[Block]:
    """Yield the blocks of a plain log as it grows, until its writer has ended.

    ended: waits at most so many seconds for that end and returns whether it has come. `tick` is
    called at least every `poll_s`, as long as the caller keeps asking for the next block.
    """
    return whole_lines(_growing(path, ended, tick, poll_s))


def read_range(path: Path, begin: int, end: int) -> bytes:
    """Return the bytes from begin to end of a log; offsets count unpacked bytes."""
    parts = []
    for offset, block in read_blocks(path):
        if offset >= end:
            break
        parts.append(block[max(0, begin - offset) : max(0, end - offset)])
    return b"".join(parts)


# Where a pipe is one that somebody writes into: standard input, and the shell's <(...).
PIPES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        _require_end(path)
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == _GZIP
            yield from _unpacked(file) if packed else _read_chunks(file)
    except (OSError, EOFError) as exc:
        text = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        raise MeasureError(
            f"cannot be read as a log ({text})", "give a readable file", file=path
        ) from exc


def _require_end(path: Path) -> None:
    """Refuse a device, and a pipe into which nobody may ever write."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or (stat.S_ISFIFO(mode) and str(path).startswith(PIPES))):
        raise OSError(errno.EINVAL, "it is not a regular file; `-` reads standard input")


def _growing(
    path: Path, ended: Callable[[float], bool], tick: Callable[[], None], poll_s: float
) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while True:
            over = ended(0)  # asked before reading: then nothing can be missed
            fresh = file.read(BLOCK_BYTES)
            if fresh:
                yield fresh
            tick()
            if over and not fresh:
                return
            if len(fresh) < BLOCK_BYTES and not over:
                ended(poll_s)


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.open(file) as unpacked:
            yield from _read_chunks(unpacked)
    except zlib.error as exc:
        raise OSError(str(exc)) from exc


def _read_chunks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := file.read(BLOCK_BYTES):
        yield chunk


class Stamps(msgspec.Struct, frozen=True):
    """When each chunk arrived (ns), and where it ends in the log; 16 bytes of memory a chunk."""

    path: Path
    times_ns: "array[int]"  # array takes no parameter when run on Python 3.11
    ends: "array[int]"

    def at(self, offset: int) -> float:
        """Return when the byte before `offset` had arrived: seconds of the monotonic clock."""
        index = bisect_left(self.ends, offset)
        if offset < 1 or index == len(self.ends):
            known = self.ends[-1] if self.ends else 0
            raise MeasureError(
                f"no time for byte {offset}, only for 1 to {known}; "
                "it belongs to another log, or was cut",
                "run again",
                file=self.path,
            )
        return self.times_ns[index] / 1e9


class _Launch(msgspec.Struct, frozen=True):
    """What exit.json says of a job's start, by the clock of its arrival times."""

    started_monotonic_ns: int | None = None


def read_launch(path: Path) -> float | None:
    """Return when a job was launched, by its exit.json: seconds of the clock of its stamps.

    None where nothing tells it: the file is missing or damaged, or its writer was killed.
    """
    found = cached(path, _Launch)
    if found is None or found.started_monotonic_ns is None:
        return None
    return found.started_monotonic_ns / 1e9


def read_stamps(path: Path) -> Stamps:
    """Read all stamps but an incomplete last line. Raises MeasureError if they are invalid."""
    times_ns, ends = array("q"), array("q")
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # else cut short: the machine or the disk gave out
                    time_ns, end = line.split()
                    times_ns.append(int(time_ns))
                    ends.append(int(end))
    except OSError as exc:
        raise MeasureError(f"cannot be read ({exc.strerror})", "check the path", file=path) from exc
    except (ValueError, OverflowError) as exc:
        raise MeasureError(f"holds no arrival times ({exc})", "run again", file=path) from exc
    if not (_rises(times_ns, operator.le) and _rises(array("q", [0]) + ends, operator.lt)):
        raise MeasureError("holds no arrival times (they go back)", "run again", file=path)
    return Stamps(path, times_ns, ends)


def _rises(numbers: "array[int]", order: Callable[[int, int], bool]) -> bool:
    return all(map(order, numbers, itertools.islice(numbers, 1, None)))
