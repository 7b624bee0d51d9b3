"""What training tells: the log on stdout, and the true time of every iteration in a file."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType

import numpy as np

PARTS = ("rpn", "box", "mask")


class Report(AbstractContextManager["Report"]):
    """Collects iterations, and prints one line for every `every` of them.

    All times are seconds of time.monotonic(). An iteration lasts from the end of the one before to
    its own end, so that nothing falls between two of them: waiting for data, saving and printing
    belong to the iteration that comes next.
    """

    def __init__(
        self,
        began: float,
        total: int,
        every: int,
        truth: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self.total, self.every, self.tell = total, every, tell
        self.began = self.interval_began = began
        self.waited = 0.0
        self.losses: list[np.ndarray] = []
        # line-buffered: what is true stays known when training is killed
        self.truth = truth.open("w", buffering=1) if truth else None

    def add(
        self, iteration: int, ended: float, waited: float, parts: np.ndarray, rate: float
    ) -> None:
        """Take note of an iteration (1-based) that ended now."""
        if self.truth:
            seconds = ended - self.began
            line = {
                "iteration": iteration,
                "began_s": self.began,
                "ended_s": ended,
                "seconds": seconds,
            }
            self.truth.write(json.dumps(line) + "\n")
        self.began = ended
        self.waited += waited
        self.losses.append(parts)
        if iteration % self.every == 0:
            self._print(iteration, rate)

    def _print(self, iteration: int, rate: float) -> None:
        """Means over the iterations since the last line."""
        count = len(self.losses)
        means = np.mean(self.losses, axis=0)
        parts = "".join(f"loss_{n}: {v:.4f}  " for n, v in zip(PARTS, means, strict=True))
        self.tell(
            f"iter: {iteration}/{self.total}  loss: {means.sum():.4f}  {parts}"
            f"time: {(self.began - self.interval_began) / count:.4f}  "
            f"data_time: {self.waited / count:.4f}  lr: {rate:.6f}"
        )
        self.interval_began, self.waited, self.losses = self.began, 0.0, []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file of true times."""
        if self.truth:
            self.truth.close()


def say(text: str) -> None:
    """Print a line with the time of day, at once."""
    now = datetime.now().astimezone()
    print(f"[{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}] {text}", flush=True)  # noqa: T201


def no_one(_text: str) -> None:
    """Say nothing: of several processes the first speaks for all."""
