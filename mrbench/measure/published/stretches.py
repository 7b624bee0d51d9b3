"""The time between a log's lines: how long each took, and what kind of line it is."""

import math
import re
import statistics
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from mrbench.measure.log.blocks import Block
from mrbench.measure.log.stated import elapsed
from mrbench.measure.published.lines import Line
from mrbench.model.measurement import IterationSample, Printed

Kind = Literal["usual", "compile", "dispatch", "evaluation", "pause"]
FAR = 3.0  # times the median, or a third of it: such a line is not like the others
EARLY = 20  # lines: what is slow among the first ones is compiling or warming up
# What a training prints that does something else for a while.
OTHERWISE = re.compile(
    rb"(?i)(?<![a-z])(?:val|valid|validation|eval|evaluat\w{1,6}|test|hellaswag|checkpoint\w{0,4}|"
    rb"sav(?:ed|ing)|sample \d)(?![a-z])"
)


class Stretch(NamedTuple):
    """The iterations up to one line: how many, ending at `last` as printed, and their seconds.

    restart_s: what the clock had shown when it began anew within them, else 0. error_s: the bound
    of the error of `seconds` by their digits.
    """

    last: int
    iterations: int
    seconds: float
    kind: Kind = "usual"
    printed: Printed | None = None
    restart_s: float = 0.0
    error_s: float = 0.0

    @property
    def each_s(self) -> float:
        """Seconds of one iteration."""
        return self.seconds / self.iterations


def of_samples(
    samples: Iterable[IterationSample], other: Sequence[tuple[int, int]], counts_from: int
) -> list[Stretch]:
    """Return the stretches of samples; other: where the lines stand that tell of something else.

    Where a log's own numbers do not tell the seconds, those between the lines' stamps count. What a
    coarse clock shows no time for belongs to the next line that it shows some for.
    """
    stretches, after = [], set()
    before: IterationSample | None = None
    timeless = 0
    for each in samples:
        seconds = each.seconds
        if not math.isfinite(seconds) and before and before.printed and each.printed:
            between_s = elapsed(before.printed, each.printed)
            seconds = math.nan if between_s is None else between_s
        if seconds == 0:
            timeless += each.count
        elif seconds > 0 and math.isfinite(seconds):
            last = each.last + counts_from - 1
            count, timeless = each.count + timeless, 0
            stretches.append(
                Stretch(last, count, seconds, printed=each.printed, error_s=each.rounding_s)
            )
            if _between(other, before.ended_at if before else 0, each.ended_at):
                after.add(last)
        before = each
    return with_kinds(stretches, after)


def of_clock(lines: Iterable[Line], counts_from: int) -> list[Stretch]:
    """Return the stretches between the lines of a clock, which may begin anew."""
    stretches: list[Stretch] = []
    last, shown_s = counts_from - 1, 0.0
    for line in lines:
        if line.iteration <= last:
            # an evaluation prints it, too
            if line.iteration == last and stretches and line.value > shown_s:
                more_s = stretches[-1].seconds + line.value - shown_s
                stretches[-1], shown_s = stretches[-1]._replace(seconds=more_s), line.value
            continue
        if stretches and line.value == shown_s:  # too coarse a clock: the next line has its time
            continue
        again = line.value < shown_s
        seconds = line.value if again else line.value - shown_s
        restart_s = shown_s if again else 0.0
        stretches.append(
            Stretch(
                line.iteration,
                line.iteration - last,
                seconds,
                restart_s=restart_s,
                error_s=2 * line.error,
            )
        )
        last, shown_s = line.iteration, line.value
    return with_kinds([each for each in stretches if each.seconds > 0], set())


def other_lines(blocks: Iterable[Block]) -> list[tuple[int, int]]:
    """Return where the lines of a log begin and end that tell of evaluations and the like."""
    found: list[tuple[int, int]] = []
    for offset, block in blocks:
        for match in OTHERWISE.finditer(block):
            begin = block.rfind(b"\n", 0, match.start()) + 1
            end = block.find(b"\n", match.end())
            place = offset + begin, offset + (end if end >= 0 else len(block))
            if not found or found[-1] != place:
                found.append(place)
    return found


def _between(places: Sequence[tuple[int, int]], begin: int, end: int) -> bool:
    """Tell whether a whole line of these lies behind `begin` and before the line of `end`."""
    index = bisect_left(places, (begin, 0))
    return index < len(places) and places[index][1] < end


def with_kinds(stretches: Sequence[Stretch], after_other: set[int]) -> list[Stretch]:
    """Tell apart the stretches that are far from the median, by seconds of an iteration."""
    if not stretches:
        return []
    usual_s = statistics.median(each.each_s for each in stretches)
    return [
        each._replace(kind=_kind(each.each_s / usual_s, place, other=each.last in after_other))
        for place, each in enumerate(stretches)
    ]


def _kind(times: float, place: int, *, other: bool) -> Kind:
    """Return what a line is that takes so many times the median; place: its own among them."""
    if times < 1 / FAR:
        return "dispatch"
    if times <= FAR:
        return "usual"
    if place == 0 or (place < EARLY and not other):
        return "compile"
    return "evaluation" if other else "pause"


def rate(stretches: Iterable[Stretch]) -> float:
    """Return iterations per second: all of them by all their time; nan where there are none."""
    known = list(stretches)
    seconds = sum(each.seconds for each in known)
    return sum(each.iterations for each in known) / seconds if seconds > 0 else math.nan


def by_stamps(stretches: Sequence[Stretch]) -> tuple[float, float] | None:
    """Return the seconds from first to last line by their time stamps, and by what they print.

    None where a line has no stamp, or the stamps are too coarse to tell.
    """
    stamps = [each.printed for each in stretches if each.printed is not None]
    if len(stamps) < len(stretches) or len(stamps) < 2:  # noqa: PLR2004 - a first and a last one
        return None
    seconds = sum(elapsed(a, b) or 0.0 for a, b in pairwise(stamps))
    if seconds <= 0 or stamps[0].step_s > seconds / 200:
        return None
    return seconds, sum(each.seconds for each in stretches[1:])
