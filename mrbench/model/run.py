"""The nouns of what happens: jobs, how they end, iteration samples and measurements; no I/O."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

LeadingClock = Literal["log", "arrival", "printed"]
Status = Literal[
    "ok",
    "no_iterations",
    "incomplete_window",
    "non_monotonic",
    "diverged",
    "failed",
    "out_of_memory",
    "stalled",
    "timed_out",
    "interrupted",
]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command with nothing left to fill in, for an executor.

    image: the id of the container image that its argv belongs to; None: this machine. read_only and
    writable: the folders that it needs, which a container must be given.
    """

    argv: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str]
    terminal: bool
    wall_clock_limit_s: float
    stall_limit_s: float
    gpus: int = 0
    image: str | None = None
    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()


EndReason = Literal["exited", "enough", "interrupted", "timed_out", "stalled", "out_of_memory"]


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended. code: exit status, negative for a signal; None if it never started.

    message: what there is to say beyond the reason, and what to do.
    oom_kills: processes that the kernel killed meanwhile, on the whole machine, for lack of memory;
    None where it does not say.
    """

    reason: EndReason
    code: int | None
    seconds: float
    message: str = ""
    oom_kills: int | None = None


class Printed(NamedTuple):
    """A time stamp as a log prints it: seconds of the printing machine's clock.

    step_s: its resolution. period_s: what the stamp leaves out, a day where it has no date, a year
    where it has no year; infinity where it leaves out nothing.
    """

    seconds: float
    step_s: float
    period_s: float


class IterationSample(NamedTuple):
    """These `count` iterations, ending at `last` (1-based), took `seconds`.

    ended_at and began_at are offsets in bytes into the log: just behind the text that marks the
    end of the last iteration, and, where the log marks one (an epoch's headline), of the first;
    they let the arrival clock time the same iterations; printed and printed_began are the log's own
    time stamps there. loss is None where the log says nothing. rounding_s: bound of the error of
    `seconds` that printing with few digits makes. edge_s: where seconds are differences of one
    running sum, the bound of that sum's error at this mark, so that only a window's two edges
    count; else None. data_s: how much of `seconds` was spent waiting for data.
    """

    last: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    seconds: float
    ended_at: int
    began_at: int | None = None
    loss: float | None = None
    rounding_s: float = 0.0
    edge_s: float | None = None
    data_s: float | None = None
    printed: Printed | None = None
    printed_began: Printed | None = None


Cause = Literal[
    "evaluation_or_checkpoint",
    "buffered_output",
    "partial_clock",
    "changed_format",
    "clock_set",
]


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """Two clocks that differ by more than they may: the likely cause, and where it shows.

    clock: the other one, "arrival" or "printed". first and last are iterations (1-based),
    began_at and ended_at the bytes of the log between them; seconds: what the other has more there.
    """

    cause: Cause
    clock: str
    first: int
    last: int
    seconds: float
    began_at: int
    ended_at: int
    text: str


FailureCause = Literal[
    "gpu_out_of_memory",
    "host_out_of_memory",
    "shared_memory_full",
    "disk_full",
    "file_size_limit",
    "too_many_open_files",
    "too_many_processes",
    "nccl",
    "peer_lost",
    "port_in_use",
    "connection_refused",
    "download_failed",
    "weights_missing",
    "data_missing",
    "file_missing",
    "file_broken",
    "weights_mismatch",
    "permission_denied",
    "wrong_path",
    "broken_pipe",
    "program_missing",
    "module_missing",
    "library_missing",
    "library_mismatch",
    "api_changed",
    "wrong_python",
    "wrong_arguments",
    "build_failed",
    "gpu_unsupported",
    "gpu_missing",
    "gpu_driver",
    "cudnn",
    "gpu_fault",
    "diverged",
    "data_loader_died",
    "assertion",
    "exception",
    "crashed",
    "killed",
    "terminated",
    "stalled",
    "timed_out",
    "interrupted",
    "ended_early",
    "unread_log",
    "unknown",
]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a training gave no number: the cause, the log's line that says so, and what to do.

    line: printable, at most 300 characters; empty where nothing was printed. rank: of the process
    that failed, where the log tells. detail: what else is known, such as who held the memory.
    """

    cause: FailureCause
    status: Status
    line: str
    remedy: str
    rank: int | None = None
    detail: str = ""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A 95 % confidence interval, low to high; images per second, as the point estimate."""

    images_per_second: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The larger of the two sides: what follows the ± sign. Images per second."""
        return max(self.images_per_second - self.low, self.high - self.images_per_second)

    def __str__(self) -> str:
        """Return `59.1 ± 0.4`."""
        return plus_minus(self.images_per_second, self.half_width)


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Several runs of one plan: all images by all seconds, and what one run differs from the next.

    deviation: standard deviation of the runs' images per second; interval: for the mean of all
    runs that could be made. Both are None for a single run.
    """

    runs: int
    images_per_second: float
    deviation: float | None
    interval: Interval | None


def plus_minus(value: float, half_width: float) -> str:
    """Return `59.1 ± 0.4`: the half width to one digit, to two where it begins with 1 or 2."""
    if not 0 < half_width < math.inf:
        return f"{value:.2f}"
    digits = f"{half_width:.1e}"  # rounded first: 0.0996 is 0.10
    decimals = -int(digits[4:]) + (digits[0] in "12")
    decimals = min(max(decimals, 0), 4)
    return f"{value:.{decimals}f} ± {half_width:.{decimals}f}"


FALSE_ALARMS = 0.01


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """change: throughput in the window's last quarter by that in its first, less one.

    p_value: how often a run without drift would show a trend as strong as this one.
    """

    change: float
    p_value: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the trend is more than noise; wrong in about 1 of 100 runs without drift."""
        return self.p_value < FALSE_ALARMS


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Throughput over a window of iterations; images_per_second is None unless status is ok.

    first and last are the iterations really covered (1-based, inclusive), `iterations` how many of
    them the marks time; clock is the one that leads, second_clock the one that checks it, and
    agreement the seconds of the one that is not the log divided by the log's, agreement_error what
    rounding may have made of it. With no images per iteration, images_per_second is None and
    interval counts iterations per second.
    rounding: bound of the relative error that comes from how the leading clock is printed.
    began: iterations done before the process's first line. loss_first, loss_last: means over the
    window's first and last quarter. data_share: of the window's seconds, spent waiting for data.
    began_s, ended_s: when the iterations covered began and ended, by the arrival of the output:
    seconds of the monotonic clock.
    """

    status: Status
    images_per_second: float | None = None
    seconds_per_iteration: float | None = None
    interval: Interval | None = None
    drift: Drift | None = None
    first: int | None = None
    last: int | None = None
    iterations: int = 0
    intervals: int = 0
    images_per_iteration: int | None = None
    clock: LeadingClock = "log"
    second_clock: LeadingClock | None = None
    log_seconds: float | None = None
    arrival_seconds: float | None = None
    printed_seconds: float | None = None
    agreement: float | None = None
    agreement_error: float | None = None
    disagreement: Disagreement | None = None
    rounding: float | None = None
    data_share: float | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    processes: int = 0
    began: int | None = None
    began_s: float | None = None
    ended_s: float | None = None
    reason: str = ""
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
