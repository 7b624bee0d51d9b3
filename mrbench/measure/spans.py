"""The samples of a log inside the window, by process, each timed by every available clock."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from mrbench.measure.log.stated import elapsed
from mrbench.measure.totals import Tally, Totals
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.measurement import IterationSample, LeadingClock, Printed

INSIDE = 0.6  # of a sample's iterations; so the nearest mark is the edge, near ties go to the inner
MOST_SPANS = 4096  # of a window; more are joined in pairs, so that any window fits into memory


class ArrivalClock(Protocol):
    """When each byte of a log arrived."""

    def at(self, offset: int) -> float:
        """Return the seconds at which the byte before this offset arrived."""


class Span(NamedTuple):
    """Neighbouring samples: `count` iterations, those after `first` up to `last`.

    Seconds by the log's own figures (nan where they are unknown), by the arrival of the output and
    by time stamps printed in it; and, of the log's, those spent waiting for data. rounding_s: bound
    of the error of log_s that comes from printing. began_at, ended_at: offsets in bytes. work:
    units of it in these iterations, where the log tells them.
    """

    first: int
    last: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    log_s: float
    arrival_s: float | None
    printed_s: float | None
    data_s: float | None
    rounding_s: float
    loss: float | None
    began_at: int
    ended_at: int
    work: float | None = None

    def by(self, clock: LeadingClock) -> float | None:
        """Return the seconds by a clock; None if they are unknown."""
        if clock == "log":
            return self.log_s if math.isfinite(self.log_s) else None
        if clock == "arrival":
            return self.arrival_s
        return None if self.printed_s is None or self.printed_s < 0 else self.printed_s


def amounts(spans: Sequence[Span]) -> list[float]:
    """Return what each span did: its work where the log tells that of all, else its iterations."""
    work = [span.work for span in spans if span.work is not None and 0 < span.work < math.inf]
    return work if len(work) == len(spans) else [float(span.count) for span in spans]


class Edges(msgspec.Struct):
    """The ends of a process's intervals that are nearest to a window's two edges.

    Each pair: the last one up to the edge, and the first one from it on; iterations done.
    """

    first: tuple[int | None, int | None] = (None, None)
    last: tuple[int | None, int | None] = (None, None)

    def add(self, sample: IterationSample, window: Window) -> None:
        """Add both ends of a sample's iterations; of a start that is left out, the last."""
        ends = (sample.last - sample.count, sample.last)
        for end in ends[1:] if _is_start(sample, window) else ends:
            self.first = _nearer(self.first, end, window.first)
            self.last = _nearer(self.last, end, window.last)

    def nearest(self, window: Window) -> Window | None:
        """Return the window nearest to this one that begins and ends with an interval; or None."""
        pairs = [
            Window(first=first, last=last)
            for first in self.first
            for last in self.last
            if first is not None and last is not None and first < last
        ]

        def distance(found: Window) -> tuple[int, int]:
            outside = max(0, window.first - found.first) + max(0, found.last - window.last)
            return abs(found.first - window.first) + abs(found.last - window.last), outside

        return min(pairs, key=distance, default=None)


def _nearer(
    pair: tuple[int | None, int | None], end: int, edge: int
) -> tuple[int | None, int | None]:
    below, above = pair
    if end <= edge:
        below = end if below is None else max(below, end)
    if end >= edge:
        above = end if above is None else min(above, end)
    return below, above


class Process(msgspec.Struct):
    """One process's spans in the window, and the problems that prevent measuring them.

    earliest: iterations done before its first sample. longest: iterations of its longest sample in
    the window. untimed: the last iteration of the first sample without seconds; unknown: why it has
    none; unsure: why it is unknown what its figures mean. begin_edge_s, end_edge_s: the errors of a
    running sum at the window's two edges. tally: its figures by the totals that the log prints.
    edges: where another window could begin and end. widest: iterations of its longest sample.
    allocated_bytes: the most GPU memory that was printed up to the window's end. guessed: epochs
    end within the window, and the log does not say how long they are. skips: its iterations in the
    window that changed no weights. began_at: offset in bytes behind the line before the window's
    first. until: behind its last line, if another process follows. first_work: of an iteration of
    its first sample, where the log tells it.
    """

    earliest: int
    tally: Tally
    latest: int = 0
    longest: int = 0
    widest: int = 0
    begin: int | None = None
    began_at: int = 0
    until: int | None = None
    first_work: float | None = None
    end: int = 0
    iterations: int = 0
    untimed: int | None = None
    unknown: Problem | None = None
    unsure: Problem | None = None
    guessed: bool = False
    skips: int = 0
    backwards: int | None = None
    diverged: int | None = None
    begin_edge_s: float = 0.0
    end_edge_s: float | None = None
    allocated_bytes: int | None = None
    step_s: float = 0.0  # of the printed clock
    spans: list[Span] = []
    edges: Edges = msgspec.field(default_factory=Edges)
    previous: IterationSample | None = None


def in_window(sample: IterationSample, window: Window) -> bool:
    """Return whether a sample belongs to the window: most of its iterations lie in it.

    The first of a process must lie in it from its first one on.
    """
    if _is_start(sample, window):
        return False
    inside = min(sample.last, window.last) - max(sample.last - sample.count, window.first)
    return inside >= INSIDE * sample.count


def _is_start(sample: IterationSample, window: Window) -> bool:
    """Return whether a sample holds a process's start, and the window begins behind that.

    The start, which may take as long as a hundred other iterations, is what a window leaves out.
    """
    return sample.begins and sample.last - sample.count < window.first


def split_processes(
    samples: Iterable[IterationSample],
    window: Window,
    stamps: ArrivalClock | None,
    *,
    totals: Totals | None = None,
    most: int = MOST_SPANS,
) -> Iterator[Process]:
    """Yield the processes that wrote a log, in order: each time one begins or numbers fall back.

    totals: what was noted in the blocks that the samples come from. most: spans of a process that
    are kept apart.
    """
    process: Process | None = None
    behind = 0
    for each in samples:
        sample, began = each, each.last - each.count
        if process is not None and totals is not None:
            totals.close(process.tally, sample.ended_at)
        if process is None or sample.begins or began < process.latest:
            if process is not None:
                process.until = behind
                yield process
            work = None if sample.work is None else sample.work / sample.count
            process = Process(earliest=began, tally=Tally(began), began_at=behind, first_work=work)
            sample = each._replace(begins=True)
        if in_window(sample, window):
            _add(process, sample, stamps, most)
        process.tally.add(sample)
        if totals is not None:
            totals.beyond = sample.last > totals.limit
        if math.isfinite(sample.seconds) or stamps is not None or sample.printed is not None:
            process.edges.add(sample, window)
        process.widest = max(process.widest, sample.count)
        process.latest = sample.last
        process.previous = sample
        behind = sample.ended_at
    if process is not None:
        if totals is not None:
            totals.close(process.tally, math.inf)
        yield process


def _add(process: Process, sample: IterationSample, stamps: ArrivalClock | None, most: int) -> None:
    began = sample.last - sample.count
    previous = process.previous
    if process.begin is None and (sample.began_at or previous):
        process.began_at = sample.began_at or (previous.ended_at if previous else 0)
    if previous is not None and previous.last != began:
        previous = None  # something is missing in between
    if process.begin is None:
        process.begin = began
        process.begin_edge_s = (previous.edge_s if previous else None) or 0.0
    process.end, process.end_edge_s = sample.last, sample.edge_s
    process.iterations += sample.count
    process.skips += sample.skips
    process.allocated_bytes = sample.allocated_bytes
    process.guessed = process.guessed or (sample.guessed and process.iterations > sample.count)
    process.longest = max(process.longest, sample.count)
    if not math.isfinite(sample.seconds):
        process.untimed = process.untimed or sample.last
        process.unknown = process.unknown or sample.unknown
    elif sample.seconds <= 0:
        process.backwards = process.backwards or sample.last
    if sample.unknown and math.isfinite(sample.seconds):
        process.unsure = process.unsure or sample.unknown
    if sample.loss is not None and not math.isfinite(sample.loss):
        process.diverged = process.diverged or sample.last
    process.spans.append(_span(process, sample, previous, stamps))
    if len(process.spans) > most:
        process.spans = join_pairs(process.spans)


def _span(
    process: Process,
    sample: IterationSample,
    previous: IterationSample | None,
    stamps: ArrivalClock | None,
) -> Span:
    since, printed_since = sample.began_at, sample.printed_began
    if since is None and previous is not None:
        since, printed_since = previous.ended_at, previous.printed
    arrival_s = None
    if stamps is not None and since is not None:
        arrival_s = stamps.at(sample.ended_at) - stamps.at(since)
    if sample.printed is not None:
        process.step_s = max(process.step_s, sample.printed.step_s)
    return Span(
        first=sample.last - sample.count,
        last=sample.last,
        count=sample.count,
        log_s=sample.seconds,
        arrival_s=arrival_s,
        printed_s=_printed(printed_since, sample.printed),
        data_s=sample.data_s,
        rounding_s=sample.rounding_s,
        loss=sample.loss,
        began_at=since or 0,
        ended_at=sample.ended_at,
        work=sample.work,
    )


def _printed(begin: Printed | None, end: Printed | None) -> float | None:
    return None if begin is None or end is None else elapsed(begin, end)


def join_pairs(spans: Sequence[Span]) -> list[Span]:
    """Join neighbours in pairs; the last of an odd number stays as it is."""
    pairs = [_join(spans[i], spans[i + 1]) for i in range(0, len(spans) - 1, 2)]
    return pairs + list(spans[2 * len(pairs) :])


def _join(one: Span, two: Span) -> Span:
    return Span(
        first=one.first,
        last=two.last,
        count=one.count + two.count,
        log_s=one.log_s + two.log_s,
        arrival_s=_plus(one.arrival_s, two.arrival_s),
        printed_s=_plus(one.printed_s, two.printed_s),
        data_s=_plus(one.data_s, two.data_s),
        rounding_s=one.rounding_s + two.rounding_s,
        loss=two.loss if two.loss is not None else one.loss,
        began_at=one.began_at,
        ended_at=two.ended_at,
        work=_plus(one.work, two.work),
    )


def _plus(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one + two


class Marks(msgspec.Struct):
    """Offsets in bytes into the log, and whether the loss is still a number.

    last: behind the last mark; near: behind the last but two; nan_at: behind the first mark whose
    loss is not finite. ends_nan: the loss of the last mark is not finite. latest: the highest
    iteration.
    """

    last: int = 0
    near: int = 0
    nan_at: int | None = None
    ends_nan: bool = False
    latest: int = 0

    def watch(self, samples: Iterable[IterationSample]) -> Iterator[IterationSample]:
        """Yield the samples unchanged and note their offsets."""
        before = 0
        for sample in samples:
            self.near, before, self.last = before, self.last, sample.ended_at
            self.latest = max(self.latest, sample.last)
            if sample.loss is not None:
                self.ends_nan = not math.isfinite(sample.loss)
                if self.ends_nan and self.nan_at is None:
                    self.nan_at = sample.ended_at
            yield sample
