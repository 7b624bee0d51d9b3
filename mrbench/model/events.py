"""The events of `--json`: one line of JSON each, for programs that follow runs; no I/O."""

from typing import Annotated

from msgspec import Meta, Struct

from mrbench.model.record import RunRecord
from mrbench.model.work import Unit

FORMAT = 2
RunNumber = Annotated[
    int | None, Meta(description="Number of the run, from 1; null outside of runs.")
]


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """What all events have."""

    time: Annotated[float, Meta(description="Seconds since 1970 (UTC).")]


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The first event."""

    format: Annotated[int, Meta(description=f"Version of these events, {FORMAT} today.")]
    mrbench: Annotated[str, Meta(description="Version of mrbench.")]


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started"):
    """A run begins."""

    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    runs: Annotated[int, Meta(description="Number of runs that the command makes.")]
    repeat: Annotated[int, Meta(description="Which repeat of its plan the run is, from 1.")]
    repeats: Annotated[int, Meta(description="How often each plan is run.")]
    id: Annotated[str, Meta(description="Id of the run: suite/implementation/folder.")]
    folder: Annotated[str, Meta(description="Folder of the run.")]
    suite: Annotated[str, Meta(description="Name of the suite.")]
    implementation: Annotated[str, Meta(description="Name of the recipe.")]
    settings: Annotated[
        str, Meta(description="Parameters with another value than their default, as batch=4.")
    ] = ""
    accelerator: Annotated[str, Meta(description="What trains: gpu or cpu.")]
    gpus: Annotated[int, Meta(description="Number of GPUs (or CPU devices) of all nodes.")]


class Stage(Event, frozen=True, kw_only=True, tag="stage"):
    """A step of the preparation or of the training begins."""

    run: RunNumber
    implementation: Annotated[
        str, Meta(description="Name of the recipe, with its settings if it has any.")
    ]
    text: Annotated[str, Meta(description="What is done, in words.")]


class Iteration(Event, frozen=True, kw_only=True, tag="iteration"):
    """A line of the training's log arrived; null is what is not known (yet)."""

    run: RunNumber
    iteration: Annotated[int, Meta(description="Last iteration that the log has (1-based).")]
    end: Annotated[int, Meta(description="Iteration at which the training will be ended.")]
    window: Annotated[str, Meta(description="Iterations to measure, e.g. 100:500.")]
    unit: Annotated[Unit, Meta(description="What the throughput counts.")]
    throughput: Annotated[
        float | None, Meta(description="Throughput of the window so far, in the unit per second.")
    ]
    half_width: Annotated[
        float | None, Meta(description="Half width of its 95 % interval, in the unit per second.")
    ]
    loss: Annotated[float | None, Meta(description="Loss, if the log has one.")]
    data_share: Annotated[
        float | None, Meta(description="Share of the window spent waiting for data, 0 to 1.")
    ]
    left_s: Annotated[float | None, Meta(description="Seconds until the end, estimated.")]


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """Something worth knowing."""

    run: RunNumber
    text: Annotated[str, Meta(description="The note, in words.")]
    problem: Annotated[bool, Meta(description="Whether something is wrong.")]


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended"):
    """A run ended, well or not."""

    run: RunNumber
    record: Annotated[RunRecord, Meta(description="The run's record, as record.json has it.")]


class Ended(Event, frozen=True, kw_only=True, tag="ended"):
    """The last event."""

    exit_code: Annotated[int, Meta(description="Exit code of the command.")]
    error: Annotated[str | None, Meta(description="Error that ended it, if one did.")]


AnyEvent = Started | RunStarted | Stage | Iteration | Note | RunEnded | Ended
