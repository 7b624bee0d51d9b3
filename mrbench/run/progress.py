"""The progress of a training: throughput so far, its interval and the time left, line by line."""

import math
import time
from collections.abc import Callable, Iterable, Iterator

from mrbench.measure.interval import within_run
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import parse_samples, until_past, work_unit
from mrbench.measure.spans import in_window
from mrbench.measure.told import ALIKE
from mrbench.model.measurement import IterationSample
from mrbench.model.plan import Plan
from mrbench.model.reporter import Reporter, RunProgress

POLL_S = 0.5  # looking 20 times a second would take a quarter percent of a core from the training
MOST_TIMES = 512  # of the window; more are joined in pairs, so that each look costs little
LOOKS = 4  # at the log, before lines timed as they arrive make a rate
GROWTH = 1.05  # the interval is computed anew when the window has grown so much


class Progress:
    """Passes the progress after each sample to a reporter.

    Where the log tells no seconds, they are those between two calls, as `clock` gives them.
    """

    def __init__(
        self, plan: Plan, reporter: Reporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._plan = plan
        self._reporter = reporter
        self._clock = clock
        self._arrived_s: float | None = None
        self._times: list[tuple[int, float]] = []
        self._seconds = self._data_s = self._timed_data_s = self._rounding_s = 0.0
        self._iterations = self._judged = self._lines = self._ahead = 0
        counts = work_unit(plan.log) in (None, plan.unit)
        self._told: float | None = 0.0 if counts else None  # work by the log, if of each line
        self._relative: float | None = None

    def at_once(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Pass on a log's blocks, and report how far its first lines are as soon as they come.

        A parser keeps them back until more of them have shown how many iterations each tells of.
        """
        plan = self._plan
        for block in blocks:
            yield block
            if self._lines:
                continue
            samples = parse_samples([block], plan.log, plan.rated_work, plan.window)
            for sample in until_past(samples, plan.window):
                if sample.last > self._ahead:
                    self._ahead = sample.last
                    self._report(sample)

    def show(self, sample: IterationSample) -> None:
        """Add a sample and report, unless nothing is new in it."""
        window = self._plan.window
        self._lines += 1  # the first has the start in it: no time left follows from it
        sample, least_s = self._timed(sample)
        if in_window(sample, window) and 0 < sample.seconds < math.inf:
            self._add(sample)
        rate = self._work / self._seconds if self._seconds > least_s else None
        if rate is None and sample.last <= self._ahead:
            return
        end = window.last + sample.count
        per_iteration = self._seconds / self._iterations if rate else sample.seconds / sample.count
        left_s = max(0, end - sample.last) * per_iteration
        if rate is None and least_s:
            left_s = math.nan
        self._report(
            sample,
            throughput=rate,
            half_width=None if rate is None or least_s else self._half_width(sample),
            left_s=left_s if self._lines > 1 and 0 <= left_s < math.inf else None,
        )

    def _report(
        self,
        sample: IterationSample,
        *,
        throughput: float | None = None,
        half_width: float | None = None,
        left_s: float | None = None,
    ) -> None:
        self._reporter.progress(
            RunProgress(
                iteration=sample.last,
                end=self._plan.window.last + sample.count,
                window=self._plan.window,
                unit=self._plan.unit,
                throughput=throughput,
                half_width=half_width,
                loss=sample.loss,
                data_share=self._data_s / self._timed_data_s if self._timed_data_s else None,
                left_s=left_s,
            )
        )

    def _timed(self, sample: IterationSample) -> tuple[IterationSample, float]:
        """Return a sample with its seconds, and how many of them are too few for a rate.

        Lines that arrive between two looks at the log seem to come at once, so that these seconds
        vary as the looks do and tell nothing of an interval.
        """
        if not (math.isnan(sample.seconds) and self._plan.log.clock == "arrival"):
            return sample, 0.0
        before_s, self._arrived_s = self._arrived_s, self._clock()
        if before_s is not None:
            seconds = max(self._arrived_s - before_s, 1e-9)  # of lines that came together
            sample = sample._replace(seconds=seconds)
        return sample, LOOKS * POLL_S

    def _add(self, sample: IterationSample) -> None:
        self._times.append((sample.count, sample.seconds))
        if len(self._times) > MOST_TIMES:
            pairs = zip(self._times[::2], self._times[1::2], strict=False)
            odd = self._times[len(self._times) // 2 * 2 :]
            self._times = [(a + b, s + t) for (a, s), (b, t) in pairs] + odd
        self._iterations += sample.count
        if self._told is not None:
            known = sample.work is not None and 0 <= sample.work < math.inf
            self._told = self._told + (sample.work or 0.0) if known else None
        self._seconds += sample.seconds
        self._rounding_s += sample.rounding_s
        if sample.data_s is not None:
            self._data_s += sample.data_s
            self._timed_data_s += sample.seconds

    def _half_width(self, sample: IterationSample) -> float | None:
        if self._iterations >= GROWTH * self._judged:
            self._judged = self._iterations
            running = sample.edge_s is not None
            sure = within_run(
                self._times,
                resolution_s=2 * (sample.edge_s or self._rounding_s / len(self._times)),
                one_clock=running,
            )
            self._relative = sure.half_width / sure.throughput if sure else None
        if self._relative is None:
            return None
        return self._relative * self._work / self._seconds

    @property
    def _work(self) -> float:
        """Work so far in the window: as the log counts it, else by the plan; as measure/told.py."""
        planned = self._iterations * self._plan.work_per_iteration
        if not self._told or abs(self._told - planned) <= ALIKE * planned:
            return planned
        return self._told
