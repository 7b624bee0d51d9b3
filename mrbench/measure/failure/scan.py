"""Find the line of a log that reports what failed first."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from mrbench.measure.failure import code, ends, files, machine
from mrbench.measure.failure.base import Sign, Weight
from mrbench.measure.log.blocks import Block
from mrbench.measure.spans import Marks

# Of the signs that fit a line the first counts.
SIGNS: tuple[Sign, ...] = (
    *ends.ECHOES,
    *machine.SIGNS,
    *files.SIGNS,
    *ends.SIGNS,
    *code.SIGNS,
)
# No sign fits a line with none of these words (in lower case); most lines are passed by quickly.
HINTS = tuple(
    b"error|exception|traceback|fatal|fault|abort|terminat|killed|signal|exitcode|exit code|"
    b"status code|cancelled|interrupt|what():|: f |check failed|primary job|assert|corruption|"
    b"malloc():|free():|munmap_chunk|illegal|*** sig|memory|bad_alloc|oom|alloc_failed|exhausted|"
    b"space left|quota|enospc|too large|exceeded|open files|ancdata|new thread|pthread_create|"
    b"torch_|nccl|watchdog|in use|duplicate gpu|peer|timeout|timed out|barrier|shut down|refused|"
    b"no route|unreachable|url|resolution|not known|hash value|broken pipe|found|no such|"
    b"not exist|checkpoint file|unable to open|can't open|localfilesystem|failed|cannot |elf head|"
    b"custom c++|mismatch|eof|truncated|permi|read-only|directory|exists: |badzip|symbol|version |"
    b"no module|loss |diverged|total_cost|dataloader|data_loader|kernel image|cuda|cudnn|gpu|(0) |"
    b"(1) |following: ".split(b"|")
)
COLOUR = re.compile(rb"\x1b\[[\d;]*[A-Za-z]")
PREFIX = re.compile(  # mpirun, horovodrun, torchrun, srun --label
    rb"(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})?"
    rb"(?P<stream>\[(?:rank|default|\d{1,5},)?(\d{1,5})\](?:<\w{1,9}>)?:? ?|(\d{1,4}): )"
)
TAG = re.compile(rb"(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})?\[\d{1,5},\d{1,5}\]<std\w{3}>:")
RANK = re.compile(
    rb"\[(?:PG \d+ )?Rank (\d+)\]|process rank (\d+)|local_rank: (\d+)|task\S* (\d+):|"
    rb"on rank (\d+)|[Pp]rocess (\d+) (?:terminated|exit)"
)
SPAWNED = re.compile(rb"^-- Process (\d+) terminated with the following error")
NAME = re.compile(rb"^(?:\w+\.)*[A-Za-z]\w*(?::|\s*$)")  # an exception's, under its traceback
STACK = re.compile(rb"^(?:\s|frame #|@ |#\d|\[bt\]|\S+\(\S*\) ?\[0x)|^\s*$")
# Errors that stay the root even if handling them failed in another way.
STICKY = ("gpu_out_of_memory", "host_out_of_memory", "disk_full", "shared_memory_full", "diverged")
# What only looks like a failure: warnings, a step's daemon complaining, NCCL's chatter.
NOISE = re.compile(
    rb"\d\d:\d\d:\d\d\.\d+: [IWE] |^[IW]\d{4} [\d:.]+|\[W\d{0,4} [^\]]*\]|"
    rb"^.{0,80}\b(?:WARNING|INFO|DEBUG)\b[: ]|"
    rb"^.{0,200}:\d+: \w*Warning: |^slurmstepd\S*: error: (?!.*(?:oom|TIME LIMIT))|"
    rb"NCCL INFO|NCCL WARN (?!.*shared memory)|^\s+raise "
)
LONGEST_BYTES = 4000  # of a line: its two ends are looked at
SURVIVED_LINES = 50  # lines of ordinary output: behind so many, the training survived an error
MOST_ERRORS = 100  # of each weight
LINE = re.compile(rb"[^\r\n]+")
# A frame of a traceback always ends with its line's number and its function's name; one that does
# not, and is as long as any line here, was wrapped.
_FRAME = re.compile(rb'^ +File "[^\r\n]*$', re.MULTILINE)
_COMPLETE = re.compile(rb'^ +File "[^"]*", line \d+, in \S')
_LEAST_WIDTH = 40  # characters
_LOST = 1  # characters: a blank at the edge, which copying drops


class ErrorLine(NamedTuple):
    """A line with a sign. at: its offset; later_lines: ordinary lines behind it."""

    sign: Sign
    line: bytes
    rank: int | None
    at: int
    later_lines: int
    weight: Weight


class _Stream(msgspec.Struct):
    """What is known of the lines with one prefix: one process's, where processes have them."""

    traceback: bool = False
    ignored: bool = False
    chained: str = ""
    spawned: int | None = None
    last: int | None = None  # index of its last find


class _Scanner(msgspec.Struct):
    errors: list[ErrorLine] = []
    ordinary: int = 0  # lines so far
    streams: dict[bytes, _Stream] = {}

    def read_line(self, at: int, raw: bytes) -> None:
        line = COLOUR.sub(b"", raw)
        prefix = PREFIX.match(line)
        if prefix:  # mpirun tags each write, of which Python makes several for a line
            line = prefix[0] + TAG.sub(b"", line[prefix.end() :])
        text = line[prefix.end() :] if prefix else line
        stream = self.streams.setdefault(prefix["stream"] if prefix else b"", _Stream())
        if self._structure(stream, text) or (stream.traceback and text[:1].isspace()):
            return
        sign = sign_of(text)
        if stream.traceback and text.strip():
            stream.traceback = False
            sign = sign or (code.EXCEPTION if NAME.match(text) else None)
        if sign is None:
            self.ordinary += not STACK.match(text)
        elif stream.ignored:
            stream.ignored = False
        else:
            rank = _rank(prefix, stream, text)
            self._add(stream, ErrorLine(sign, line, rank, at, self.ordinary, sign.weight))

    def _structure(self, stream: _Stream, text: bytes) -> bool:
        """Note what frames an error; whether the line is nothing but that."""
        if text.startswith((b"Traceback (most recent", b"Original Traceback")):
            stream.traceback = True
        elif b"During handling of the above exception" in text:
            stream.chained = "handled"
        elif b"was the direct cause of the following" in text:
            stream.chained = "caused"
        elif text.startswith((b"Exception ignored in", b"Error in atexit", b"Error in sys.exc")):
            stream.ignored = True
        elif spawned := SPAWNED.match(text):
            stream.spawned = int(spawned[1])
        else:
            return False
        return True

    def _add(self, stream: _Stream, new: ErrorLine) -> None:
        chained, stream.chained = stream.chained, ""
        if chained and stream.last is not None:
            earlier = self.errors[stream.last]
            if not _outlives(earlier, new, chained):
                self.errors[stream.last] = new
            return
        if sum(each.sign.weight == new.sign.weight for each in self.errors) < MOST_ERRORS:
            stream.last = len(self.errors)
            self.errors.append(new)


def find_errors(blocks: Iterable[Block], marks: Marks) -> list[ErrorLine]:
    """Return the lines with signs, the likeliest root first. Blocks are whole lines."""
    scanner = _Scanner()
    for offset, block in blocks:
        for at, line in _whole_lines(block):
            scanner.read_line(offset + at, line)
    errors = [_weigh(each, scanner.ordinary - each.later_lines, marks) for each in scanner.errors]
    return sorted(errors, key=lambda each: each.weight)  # stable: of equals the first


def _weigh(error: ErrorLine, later_lines: int, marks: Marks) -> ErrorLine:
    """Weigh an error by what follows it: other ranks may print a few marks more, no others."""
    weight = error.sign.weight
    if error.at < marks.near:
        weight = Weight.SURVIVED
    elif error.at < marks.last or (weight == Weight.ROOT and later_lines >= SURVIVED_LINES):
        weight = max(weight, Weight.DOUBTFUL)
    return error._replace(later_lines=later_lines, weight=weight)


@lru_cache(1000)  # warnings come by the hundred
def sign_of(text: bytes) -> Sign | None:
    """Return what a line without its prefix is a sign of."""
    if len(text) > LONGEST_BYTES:
        text = text[: LONGEST_BYTES // 2] + b" " + text[-LONGEST_BYTES // 2 :]
    lowered = text.lower()
    if not any(word in lowered for word in HINTS) or NOISE.search(text):
        return None
    return next((sign for sign in SIGNS if sign.pattern.search(text)), None)


def _outlives(earlier: ErrorLine, later: ErrorLine, chained: str) -> bool:
    """Return whether the earlier of two chained exceptions is the root."""
    if chained == "caused":
        return earlier.sign.weight <= later.sign.weight
    if earlier.sign.cause in STICKY:
        return True
    return earlier.sign is not code.EXCEPTION and earlier.sign.weight < later.sign.weight


def _rank(prefix: "re.Match[bytes] | None", stream: _Stream, text: bytes) -> int | None:
    mention = RANK.search(text)
    groups = [*(prefix.groups()[1:] if prefix else ()), *(mention.groups() if mention else ())]
    number = next((group for group in groups if group is not None), None)
    return stream.spawned if number is None else int(number)


def _whole_lines(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a block and where each begins; those that a terminal wrapped as one."""
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
