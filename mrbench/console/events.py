"""One line of JSON per event, for programs that follow a run; docs/watching.md lists them."""

import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any, Self, TextIO

import msgspec

from mrbench import __version__
from mrbench.errors import MrbenchError
from mrbench.model.events import (
    FORMAT,
    Ended,
    Event,
    Iteration,
    Note,
    RunStarted,
    Stage,
    Started,
)
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, Series
from mrbench.model.reporter import Reporter, RunProgress, RunStart
from mrbench.text import without_secrets

INTERRUPTED = 130


class EventReporter:
    """Writes events to a stream, each flushed, and passes everything on to a reporter for people.

    Closing the reading end of the pipe stops the events, not the run: the record counts.
    """

    def __init__(self, stream: TextIO, beside: Reporter) -> None:
        self._stream: TextIO | None = stream
        self._beside = beside
        self.verbose = beside.verbose
        self._run: int | None = None
        self._exit_code = 0

    def __enter__(self) -> Self:
        """Write the first event, with the format."""
        self._beside.__enter__()
        self._tell(Started(time=now(), format=FORMAT, mrbench=__version__))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        """Write the last event, with the exit code."""
        code = self._exit_code
        if isinstance(error, MrbenchError):
            code = error.exit_code
        elif isinstance(error, KeyboardInterrupt):
            code = INTERRUPTED
        elif error is not None:
            code = 1
        known = isinstance(error, MrbenchError)
        self._tell(Ended(time=now(), exit_code=code, error=str(error) if known else None))
        self._beside.__exit__(kind, error, trace)  # type: ignore[arg-type]  # as it was given

    def stage(self, who: str, text: str, *, waits: bool = False) -> None:
        """Write a stage."""
        self._tell(Stage(time=now(), run=self._run, implementation=who, text=without_secrets(text)))
        self._beside.stage(who, text, waits=waits)

    def note(self, text: str, *, problem: bool = False) -> None:
        """Write a note."""
        self._tell(Note(time=now(), run=self._run, text=without_secrets(text), problem=problem))
        self._beside.note(text, problem=problem)

    def output(self, text: str) -> None:
        """Leave it to the reporter for people."""
        self._beside.output(text)

    def run_started(self, start: RunStart) -> None:
        """Write which run begins."""
        self._run = start.series.run
        facts = _shared(RunStarted, start.record.plan) | _shared(RunStarted, start.series)
        facts |= {"id": start.record.id, "folder": str(start.folder)}
        self._tell(RunStarted(time=now(), **facts))
        self._beside.run_started(start)

    def progress(self, progress: RunProgress) -> None:
        """Write the progress after each line of the log."""
        facts = _shared(Iteration, progress) | {"window": str(progress.window)}
        self._tell(Iteration(time=now(), run=self._run, **facts))
        self._beside.progress(progress)

    def run_ended(self, record: RunRecord, summary: str) -> None:
        """Write the record."""
        self._exit_code = max(self._exit_code, record.exit_code)
        self._write(
            {"event": "run_ended", "time": now(), "run": self._run, "record": record.plain()}
        )
        self._beside.run_ended(record, summary)
        self._run = None

    def _tell(self, event: Event) -> None:
        self._write(msgspec.to_builtins(event))

    def _write(self, line: Mapping[str, object]) -> None:
        if self._stream is None:
            return
        try:
            print(json.dumps(line, default=str), file=self._stream, flush=True)
        except OSError as exc:  # its reader has gone, or the disk is full
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._stream = None
            gone = "nobody reads the events any more"
            text = gone if isinstance(exc, BrokenPipeError) else f"no more events: {exc.strerror}"
            self._beside.note(f"{text}; the run goes on", problem=True)


def now() -> float:
    """Return the seconds since 1970, to the millisecond."""
    return round(time.time(), 3)


def _shared(event: type[Event], told: Plan | Series | RunProgress) -> dict[str, Any]:
    """Return the fields of an event that a reporter is told by the same names.

    None for what JSON has no number for, such as the loss of a training that diverged.
    """
    known = {f: getattr(told, f) for f in event.__struct_fields__ if hasattr(told, f)}
    odd = [f for f, value in known.items() if isinstance(value, float) and not math.isfinite(value)]
    return known | dict.fromkeys(odd)
