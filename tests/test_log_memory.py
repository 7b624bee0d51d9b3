"""Logs of any size, through a pipe too: what is kept of them does not grow."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

import renderers

HEAD = "".join(renderers.detectron2([0.5] * 540, 16)).encode()
NOISE = (b"[05/23 23:57:47 d2.data]: a line that says nothing of iterations " * 2 + b"\n") * 7_000
GROWTH_KB = 8 * 1024  # of the peak, from a log of 20 MB to one of 300 MB


def marks(first: int) -> bytes:
    line = "[05/24 09:00:00 d2.utils.events]: iter: {}  total_loss: 1.5  time: 0.5000  lr: 0.02\n"
    return "".join(line.format(i) for i in range(first, first + 1000, 20)).encode()


def stream(size: int) -> Iterator[bytes]:
    yield HEAD
    for i in range(size // len(NOISE) + 1):
        yield NOISE + marks(559 + 1000 * i)


def one_line(size: int, piece: bytes) -> Iterator[bytes]:
    half = len(HEAD) // 2
    yield HEAD[: HEAD.index(b"\n", half) + 1]
    for _ in range(size // len(piece)):
        yield piece
    yield b"\n" + HEAD[HEAD.index(b"\n", half) + 1 :]


def peak_kb(pieces: Iterator[bytes]) -> int:
    """Parse what is piped in; return the peak of the reader's memory."""
    code = (
        "import resource, sys; from pathlib import Path;"
        "from mrbench.measure.anylog import KnownLog, parse_log;"
        "from mrbench.model.logformat import LogFormat; from mrbench.model.inputs import Window;"
        "known = {'detectron2': KnownLog(LogFormat(format='detectron2'), 16)};"
        "found = parse_log(Path('/dev/stdin'), recipes=known, window=Window(first=100, last=500));"
        "m = found.measurement;"
        "print(m.status, m.iterations, round(m.seconds_per_iteration or 0, 3),"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin
        assert reader.stdout
        for piece in pieces:
            reader.stdin.write(piece)
        reader.stdin.close()
        out = reader.stdout.read().decode()
    *number, peak = out.split()
    assert number == ["ok", "400", "0.5"]
    return int(peak)


def test_a_stream_of_any_length_is_read_in_constant_memory() -> None:
    short = peak_kb(stream(20_000_000))
    long = peak_kb(stream(300_000_000))
    assert long - short < GROWTH_KB


@pytest.mark.parametrize(
    "piece", [b"\x00" * (1 << 16), b"iter: 2  " + b"." * (1 << 12), b"x" * (1 << 16)]
)
def test_a_line_of_100_mb_costs_no_more_than_its_pieces(piece: bytes) -> None:
    assert peak_kb(one_line(100_000_000, piece)) - peak_kb(stream(0)) < 4 * GROWTH_KB
