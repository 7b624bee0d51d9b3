"""Lines for logs, pipes and terminals that cannot move their cursor."""

import contextlib
import threading
import time
from typing import NamedTuple, Self, TextIO

from mrbench.model.measurement import plus_minus
from mrbench.model.record import RunRecord
from mrbench.model.reporter import RunProgress, RunStart
from mrbench.model.work import rate_name
from mrbench.text import counted, printable, without_secrets

SILENCE_S = 10.0  # says at least this often that it is alive
EVERY_S = 2.0


class PlainReporter:
    """One line for each thing that happens; repeats the stage after a while without a line."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, verbose: bool = False) -> None:
        self.verbose = verbose
        self._stream = stream
        self._quiet = quiet
        self._started = self._last_line_s = time.monotonic()
        self._who = self._what = ""
        self._ended = self._waits = False

    def __enter__(self) -> Self:
        """Start the heartbeat."""
        if not self._quiet:
            with contextlib.suppress(RuntimeError):  # the user may start no more of them
                threading.Thread(target=self._keep_alive, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeat."""
        self._ended = True

    def stage(self, who: str, text: str, *, waits: bool = False) -> None:
        """Print the stage."""
        self._who, self._what, self._waits = who, text, waits
        self._say(printable(f"{who}: {text}"), always=waits)

    def note(self, text: str, *, problem: bool = False) -> None:
        """Print the line."""
        self._say(text, always=problem)

    def output(self, text: str) -> None:
        """Print each line behind a bar; of a line that is drawn anew, as it was at last."""
        for line in text.split("\n") if self.verbose else ():
            if shown := printable(line.rstrip().rpartition("\r")[2]):
                self._print(f"| {shown}")

    def run_started(self, start: RunStart) -> None:
        """Print which run it is, where there are several."""
        self._who, self._what = start.record.plan.label, "starting"
        if start.series.runs > 1:
            self._say(f"{self._who}: {place_of(start)}")

    def progress(self, progress: RunProgress) -> None:
        """Print at most one line in two seconds."""
        self._what = ", ".join(text for text in figures(progress) if text)
        if time.monotonic() - self._last_line_s >= EVERY_S or progress.iteration >= progress.end:
            self._say(f"{self._who}: {self._what}")

    def run_ended(self, record: RunRecord, summary: str) -> None:
        """Print the summary."""
        self._who = ""
        self._say(summary, always=record.exit_code != 0)

    def _say(self, text: str, *, always: bool = False) -> None:
        self._last_line_s = time.monotonic()
        if always or not self._quiet:
            self._print(text)

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads it any more; the run need not care
            seconds = time.monotonic() - self._started
            shown = "\n".join(map(printable, without_secrets(text).split("\n")))
            print(f"[{seconds:6.1f} s] {shown}", file=self._stream, flush=True)

    def _keep_alive(self) -> None:
        while not self._ended:
            time.sleep(1.0)
            idle = self._who and not self._waits
            if not self._ended and idle and time.monotonic() - self._last_line_s >= SILENCE_S:
                self._say(f"{self._who}: still {self._what}")


def place_of(start: RunStart) -> str:
    """Return `run 2 of 6, 4 GPUs`, and the round where there are several."""
    plan, series = start.record.plan, start.series
    devices = counted(plan.gpus, "GPU" if plan.accelerator == "gpu" else "device")
    text = f"run {series.run} of {series.runs}, {devices}"
    return text + (f", round {series.repeat} of {series.repeats}" if series.repeats > 1 else "")


class Figures(NamedTuple):
    """The parts of a RunProgress as texts; empty where unknown."""

    iteration: str
    rate: str
    loss: str
    data: str
    left: str


def figures(progress: RunProgress) -> Figures:
    """Put into words how far a training is."""
    rate = "warm-up" if progress.iteration <= progress.window.first else "measuring"
    if progress.throughput is not None:
        number = f"{progress.throughput:.1f}"
        if progress.half_width:
            number = plus_minus(progress.throughput, progress.half_width)
        rate = f"{number} {rate_name(progress.unit)}"
    return Figures(
        iteration=f"iteration {progress.iteration}/{progress.end}",
        rate=rate,
        loss="" if progress.loss is None else f"loss {progress.loss:.4g}",
        data="" if progress.data_share is None else f"data {progress.data_share:.1%}",
        left="" if progress.left_s is None else f"{duration(progress.left_s)} left",
    )


def duration(seconds: float) -> str:
    """Return `42 s`, `3:07` or `1:03:07`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes = f"{rest // 60:02}" if hours else f"{rest // 60}"
    return f"{hours}:{minutes}:{rest % 60:02}" if hours else f"{minutes}:{rest % 60:02}"
