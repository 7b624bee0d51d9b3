"""How far a training is, from its log so far: for the eye only, the record comes from the files."""

import math

from mrbench.console import Reporter, Seen
from mrbench.measure.interval import within_run
from mrbench.model.plan import Plan
from mrbench.model.run import IterationSample

MOST_TIMES = 512  # of the window; more are joined in pairs, so that each look costs little
GROWTH = 1.05  # the interval is computed anew when the window has grown so much


class Progress:
    """Tells a reporter what each sample brings."""

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan = plan
        self._reporter = reporter
        self._times: list[tuple[int, float]] = []
        self._seconds = self._data_s = self._timed_data_s = self._rounding_s = 0.0
        self._iterations = self._judged = 0
        self._relative: float | None = None

    def show(self, sample: IterationSample) -> None:
        """Add a sample, and tell."""
        window, images = self._plan.window, self._plan.images_per_iteration
        if self._inside(sample):
            self._add(sample)
        rate = self._iterations * images / self._seconds if self._seconds > 0 else None
        end = window.last + sample.count
        per_iteration = self._seconds / self._iterations if rate else sample.seconds / sample.count
        left_s = max(0, end - sample.last) * per_iteration
        self._reporter.progress(
            Seen(
                iteration=sample.last,
                end=end,
                window=window,
                images_per_second=rate,
                half_width=self._half_width(sample) if rate is not None else None,
                loss=sample.loss,
                data_share=self._data_s / self._timed_data_s if self._timed_data_s else None,
                left_s=left_s if 0 <= left_s < math.inf else None,
            )
        )

    def _inside(self, sample: IterationSample) -> bool:
        from mrbench.measure.spans import counts  # noqa: PLC0415 - loaded while training starts

        return counts(sample, self._plan.window) and 0 < sample.seconds < math.inf

    def _add(self, sample: IterationSample) -> None:
        self._times.append((sample.count, sample.seconds))
        if len(self._times) > MOST_TIMES:
            pairs = zip(self._times[::2], self._times[1::2], strict=False)
            odd = self._times[len(self._times) // 2 * 2 :]
            self._times = [(a + b, s + t) for (a, s), (b, t) in pairs] + odd
        self._iterations += sample.count
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
            self._relative = sure.half_width / sure.images_per_second if sure else None
        if self._relative is None:
            return None
        images = self._iterations * self._plan.images_per_iteration
        return self._relative * images / self._seconds
