"""Rates beside the time stamps of their lines, where the work of an iteration is unknown.

No clock can check such rates as a whole, but it can line by line: most lines show how long the work
is by the stamps, and a line whose rate makes several times as long as it took tells another rate.
"""

import statistics
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mrbench.measure.causes import FEW_GROW, MUCH
from mrbench.measure.log.stated import elapsed
from mrbench.measure.spans import in_window
from mrbench.model.inputs import Window
from mrbench.model.measurement import IterationSample, Measurement
from mrbench.text import first_few, four_digits, numbers

MOST_LINES = 1 << 14  # that are kept; a window of more is not looked at
FINE = 0.05  # of the usual time between two lines: coarser stamps tell nothing of a single one
LEAST = 0.01  # of the window's seconds; less is not worth a note


class _Line(NamedTuple):
    """Iterations after `first` up to `last`: seconds by a rate of one unit of work, and stamped."""

    first: int
    last: int
    of_one_s: float
    stamped_s: float


class RatedLines:
    """Keeps the lines of a window as they pass by."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._lines: list[_Line] = []
        self._step_s = 0.0

    def watch(self, samples: Iterable[IterationSample]) -> Iterator[IterationSample]:
        """Yield the samples without their time stamps, which check no rates of unknown work."""
        previous: IterationSample | None = None
        for sample in samples:
            if len(self._lines) <= MOST_LINES and in_window(sample, self._window):
                self._add(sample, previous)
            previous = sample
            yield sample._replace(printed=None, printed_began=None)

    def _add(self, sample: IterationSample, previous: IterationSample | None) -> None:
        first = sample.last - sample.count
        before = sample.printed_began
        if before is None and previous is not None and previous.last == first:
            before = previous.printed
        if before is None or sample.printed is None or not sample.seconds > 0:
            return
        stamped_s = elapsed(before, sample.printed)
        self._step_s = max(self._step_s, sample.printed.step_s)
        if stamped_s is not None and stamped_s >= 0:
            self._lines.append(_Line(first, sample.last, sample.seconds, stamped_s))

    def notes(self, measured: Measurement) -> tuple[str, ...]:
        """Return which lines tell another rate than theirs, in words; none if there are none."""
        lines = self._lines
        if (
            measured.status != "ok"
            or measured.processes > 1
            or not lines
            or len(lines) > MOST_LINES
        ):
            return ()
        if statistics.median(line.stamped_s for line in lines) * FINE < self._step_s:
            return ()
        work = statistics.median(line.stamped_s / line.of_one_s for line in lines)
        slow = [
            line for line in lines if line.of_one_s * work > MUCH * (line.stamped_s + self._step_s)
        ]
        by_rate_s = sum(line.of_one_s for line in slow) * work
        if by_rate_s <= LEAST * sum(line.of_one_s for line in lines) * work:
            return ()
        if len(slow) > FEW_GROW * len(lines):  # a batch that grows
            return ()
        places = first_few([numbers(line.first + 1, line.last) for line in slow], 3)
        stamped_s = sum(line.stamped_s for line in slow)
        text = (
            f"by printed time stamps iterations {places} took {four_digits(stamped_s)} s, by"
            f" their rate {four_digits(by_rate_s)} s, if they did as much as the others: then that"
            " rate is not theirs; give --work-per-iteration, and the clocks are compared"
        )
        return (text,)
