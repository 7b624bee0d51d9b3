"""The events of `--json`: one line of JSON each, for programs that follow runs; no I/O."""

from typing import Annotated

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit

FORMAT = 2
RunNumber = Annotated[int | None, doc("Number of the run, from 1; null outside of runs.")]


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """What all events have."""

    time: Annotated[float, doc("Seconds since 1970 (UTC).")]


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The first event."""

    format: Annotated[int, doc(f"Version of these events, {FORMAT} today.")]
    mrbench: Annotated[str, doc("Version of mrbench.")]


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started"):
    """A run begins."""

    run: Annotated[int, doc("Number of the run, from 1.")]
    runs: Annotated[int, doc("Number of runs that the command makes.")]
    repeat: Annotated[int, doc("Which repeat of its plan the run is, from 1.")]
    repeats: Annotated[int, doc("How often each plan is run.")]
    id: Annotated[str, doc("Id of the run: suite/implementation/folder.")]
    folder: Annotated[str, doc("Folder of the run.")]
    suite: Annotated[str, doc("Name of the suite.")]
    implementation: Annotated[str, doc("Name of the recipe.")]
    settings: Annotated[
        str, doc("Parameters with another value than their default, as batch=4.")
    ] = ""
    accelerator: Annotated[str, doc("What trains: gpu or cpu.")]
    gpus: Annotated[int, doc("Number of GPUs (or CPU devices) of all nodes.")]


class Stage(Event, frozen=True, kw_only=True, tag="stage"):
    """A step of the preparation or of the training begins."""

    run: RunNumber
    implementation: Annotated[str, doc("Name of the recipe, with its settings if it has any.")]
    text: Annotated[str, doc("What is done, in words.")]


class Iteration(Event, frozen=True, kw_only=True, tag="iteration"):
    """A line of the training's log arrived; null is what is not known (yet)."""

    run: RunNumber
    iteration: Annotated[int, doc("Last iteration that the log has (1-based).")]
    end: Annotated[int, doc("Iteration at which the training will be ended.")]
    window: Annotated[str, doc("Iterations to measure, e.g. 100:500.")]
    unit: Annotated[Unit, doc("What the throughput counts.")]
    throughput: Annotated[
        float | None, doc("Throughput of the window so far, in the unit per second.")
    ]
    half_width: Annotated[
        float | None, doc("Half width of its 95 % interval, in the unit per second.")
    ]
    loss: Annotated[float | None, doc("Loss, if the log has one.")]
    data_share: Annotated[float | None, doc("Share of the window spent waiting for data, 0 to 1.")]
    left_s: Annotated[float | None, doc("Seconds until the end, estimated.")]


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Something worth knowing."""

    run: RunNumber
    text: Annotated[str, doc("The note, in words.")]
    problem: Annotated[bool, doc("Whether something is wrong.")]


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended"):
    """A run ended, well or not."""

    run: RunNumber
    record: Annotated[RunRecord, doc("The run's record, as record.json has it.")]


class Ended(Event, frozen=True, kw_only=True, tag="ended"):
    """The last event."""

    exit_code: Annotated[int, doc("Exit code of the command.")]
    error: Annotated[str | None, doc("Error that ended it, if one did.")]


AnyEvent = Started | RunStarted | Stage | Iteration | Note | RunEnded | Ended
