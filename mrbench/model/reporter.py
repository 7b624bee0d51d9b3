"""What every reporter receives; the figures are for display and go into no record."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from mrbench.model.inputs import Window
from mrbench.model.record import RunRecord, Series
from mrbench.model.work import Unit


class RunStart(Struct, frozen=True, kw_only=True):
    """A run that begins: its draft, its folder, and which file of that would tell of its GPUs."""

    record: RunRecord
    folder: Path
    telemetry: Path

    @property
    def series(self) -> Series:
        """Its place among the runs of the command; one that is collected alone says none."""
        return self.record.series or Series(run=1, runs=1, repeat=1, repeats=1)


class RunProgress(Struct, frozen=True, kw_only=True):
    """How far a training is, and what its log says about the window so far.

    iteration: the last one logged; end: where the run will be ended. throughput, in the unit: None
    before the window, and while nothing in it is timed; half_width of its 95 % interval, None while
    too little is known. data_share: of the window's seconds, spent waiting for data. left_s:
    seconds until `end`.
    """

    iteration: int
    end: int
    window: Window
    unit: Unit = "images"
    throughput: float | None = None
    half_width: float | None = None
    loss: float | None = None
    data_share: float | None = None
    left_s: float | None = None


class Reporter(AbstractContextManager["Reporter"], Protocol):
    """Reports what happens to a person or a program.

    verbose: whether it tells what programs print, too.
    """

    verbose: bool

    def stage(self, who: str, text: str, *, waits: bool = False) -> None:
        """Say what `who` is doing from now on; waits: for others, said also where all is quiet.

        Who waits says so again each minute.
        """

    def note(self, text: str, *, problem: bool = False) -> None:
        """Print what stays; a problem also where all else is quiet."""

    def output(self, text: str) -> None:
        """Tell what a program printed, in whole lines, or which command runs; only if verbose."""

    def run_started(self, start: RunStart) -> None:
        """Say which run begins."""

    def progress(self, progress: RunProgress) -> None:
        """Tell how far the training is."""

    def run_ended(self, record: RunRecord, summary: str) -> None:
        """Tell the run's record, and its summary for people."""
