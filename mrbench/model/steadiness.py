"""What a window shows beside noise: drift, pauses and changes of speed; no I/O."""

from typing import Annotated, Literal

import msgspec

from mrbench.model.doc import doc

ChangeKind = Literal["step", "warm-up", "slowing", "trend"]

FALSE_ALARMS = 0.01  # of runs without drift


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """The trend of the throughput within the window."""

    change: Annotated[
        float,
        doc("Throughput of the window's last quarter by that of its first, less one, e.g. -0.02."),
    ]
    p_value: Annotated[
        float,
        doc("How often a run without drift would show a trend as strong as this one, 0 to 1."),
    ]

    @property
    def beyond_noise(self) -> bool:
        """Whether the trend is more than noise; wrong in about 1 of 100 runs without drift."""
        return self.p_value < FALSE_ALARMS


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One interval between log lines that took far longer than the others."""

    first: Annotated[int, doc("First iteration of the interval (1-based).")]
    last: Annotated[int, doc("Last iteration of the interval (1-based, inclusive).")]
    seconds: Annotated[
        float | None,
        doc(
            "Seconds beyond what these iterations take elsewhere; null: the log prints rates, and"
            " the work of an iteration is unknown."
        ),
    ]


class Pauses(msgspec.Struct, frozen=True, kw_only=True):
    """The pauses of a window, which are part of its number."""

    each: Annotated[tuple[Pause, ...], doc("The pauses in order.")]
    seconds_per_iteration_without: Annotated[
        float, doc("Mean time of an iteration outside their intervals, in seconds.")
    ]
    throughput_without: Annotated[
        float | None,
        doc(
            "Units of work per second outside their intervals, where the work of an iteration"
            " changes; else null."
        ),
    ] = None


class Unsteady(msgspec.Struct, frozen=True, kw_only=True):
    """A change of speed within the window, and its longest part without one."""

    kind: Annotated[
        ChangeKind,
        doc(
            "step: from one iteration to the next. warm-up: slow at first, then ever less. slowing:"
            " fast at first, then ever less. trend: gradual, over all the window."
        ),
    ]
    at: Annotated[
        tuple[int, ...],
        doc(
            "Iterations after which the speed is another: of a step where it happens, of a warm-up"
            " where it is over."
        ),
    ]
    change: Annotated[
        float,
        doc("Largest change of the throughput, as a share of what it was before, e.g. -0.05."),
    ]
    first: Annotated[int | None, doc("First iteration of the longest steady part (1-based).")] = (
        None
    )
    last: Annotated[int | None, doc("Last iteration of the longest steady part (inclusive).")] = (
        None
    )
    seconds_per_iteration: Annotated[
        float | None, doc("Mean time of an iteration in the steady part, in seconds.")
    ] = None
    throughput: Annotated[
        float | None,
        doc(
            "Units of work per second in the steady part, where the work of an iteration changes;"
            " else null."
        ),
    ] = None
