"""The nouns of what a log tells: iteration samples, intervals and measurements; no I/O."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec

from mrbench.model.clocks import ComparedClock, Disagreement
from mrbench.model.doc import doc
from mrbench.model.finding import Problem
from mrbench.model.metric import Metric, MetricName
from mrbench.model.run import Failure, Status
from mrbench.model.steadiness import Drift, Pauses, Unsteady
from mrbench.model.work import Unit

LeadingClock = Literal["log", "arrival", "printed"]


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
    count; else None. data_s: how much of `seconds` was spent waiting for data. unknown: why seconds
    are nan; or, where they are not, why the log cannot tell whether they are these.
    allocated_bytes: the most memory of one GPU that the log has printed for this process so far.
    begins: it is the first of its process, whose numbers may go on where another one's ended.
    guessed: an epoch ended before it, and how long that was the log does not say. work: units of
    work in these iterations, all devices together, where the log tells them. skips: how many of
    them changed no weights.
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
    unknown: Problem | None = None
    allocated_bytes: int | None = None
    begins: bool = False
    guessed: bool = False
    work: float | None = None
    skips: int = 0


LOPSIDED = 1.5  # times: one side of an interval by the other


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A 95 % confidence interval, low to high; of a throughput, in its unit."""

    throughput: Annotated[float, doc("Point estimate.")]
    low: Annotated[float, doc("Lower end.")]
    high: Annotated[float, doc("Upper end.")]

    @property
    def half_width(self) -> float:
        """The larger of the two sides."""
        return max(self._sides)

    @property
    def _sides(self) -> tuple[float, float]:
        return self.throughput - self.low, self.high - self.throughput

    def __str__(self) -> str:
        """Return `59.1 ± 0.4`, or `33 (14 to 154)` where one side is much the larger."""
        narrow, wide = sorted(self._sides)
        if wide <= LOPSIDED * narrow:
            return plus_minus(self.throughput, wide)
        return f"{self.point} ({self.ends})"

    @property
    def point(self) -> str:
        """`59.1`, with the digits that the width leaves."""
        return self._rounded(self.throughput)

    @property
    def ends(self) -> str:
        """`58.7 to 59.5`, with the digits that the width leaves."""
        return f"{self._rounded(self.low)} to {self._rounded(self.high)}"

    def _rounded(self, value: float) -> str:
        narrow, wide = sorted(self._sides)
        return f"{value:.{_decimals(narrow if narrow > 0 else wide)}f}"


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """Several runs of one plan: all work by all seconds, and what one run differs from the next.

    deviation: standard deviation of the runs' throughput; interval: for the mean of all
    runs that could be made. Both are None for a single run.
    """

    runs: int
    throughput: float
    deviation: float | None
    interval: Interval | None


def plus_minus(value: float, half_width: float) -> str:
    """Return `59.1 ± 0.4`: the half width to one digit, to two where it begins with 1 or 2.

    The value alone where the half width is none, or beyond it.
    """
    if not 0 < half_width < min(value, math.inf):
        return f"{value:.2f}"
    decimals = _decimals(half_width)
    return f"{value:.{decimals}f} ± {half_width:.{decimals}f}"


def _decimals(width: float) -> int:
    if not 0 < width < math.inf:
        return 2
    digits = f"{width:.1e}"  # rounded first: 0.0996 is 0.10
    decimals = -int(digits[4:]) + (digits[0] in "12")
    return min(max(decimals, 0), 4)


class TimedStretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the window that the number covers, in seconds of the monotonic clock."""

    began_s: Annotated[float, doc("When it began.")]
    ended_s: Annotated[float, doc("When it ended.")]
    iterations: Annotated[int, doc("Iterations in it.")]


class LogStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Where the window's lines stand in the log: offsets in bytes, of a packed log unpacked."""

    began_at: Annotated[int, doc("Behind the number of the last line before them.")]
    ended_at: Annotated[int, doc("Behind the number of the last of them.")]
    until: Annotated[
        int | None, doc("Behind the last line of their process; null: no other process follows.")
    ] = None


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Throughput over a window of iterations."""

    status: Annotated[Status, doc("ok, or why there is no number.")]
    throughput: Annotated[
        float | None, doc("Units of work per second; null unless status is ok.")
    ] = None
    unit: Annotated[Unit, doc("What the throughput counts.")] = "images"
    seconds_per_iteration: Annotated[float | None, doc("Mean time of an iteration in seconds.")] = (
        None
    )
    interval: Annotated[
        Interval | None,
        doc(
            "95 % confidence interval of the throughput within this run: what it would show over"
            " this window if only its noise were drawn anew; it says nothing about the next run."
            " Without work per iteration, of iterations per second."
        ),
    ] = None
    drift: Annotated[Drift | None, doc("Trend within the window.")] = None
    pauses: Annotated[
        Pauses | None, doc("Pauses within the window; null: none were seen, or an older record.")
    ] = None
    unsteady: Annotated[
        Unsteady | None,
        doc("Change of speed within the window; null: none was seen, or an older record."),
    ] = None
    first: Annotated[int | None, doc("First iteration covered (1-based).")] = None
    last: Annotated[int | None, doc("Last iteration covered (1-based, inclusive).")] = None
    iterations: Annotated[int, doc("Number of these that the log lines time.")] = 0
    intervals: Annotated[int, doc("Number of intervals between log lines that cover them.")] = 0
    work_per_iteration: Annotated[
        int | None, doc("Work of all GPUs in one iteration, in the unit.")
    ] = None
    clock: Annotated[LeadingClock, doc("Clock that the throughput comes from.")] = "log"
    second_clock: Annotated[LeadingClock | None, doc("Clock that checks it, if there is one.")] = (
        None
    )
    log_seconds: Annotated[float | None, doc("Seconds of the window by the log's own numbers.")] = (
        None
    )
    arrival_seconds: Annotated[
        float | None, doc("Seconds of the window by the arrival of its lines.")
    ] = None
    printed_seconds: Annotated[
        float | None, doc("Seconds of the window by the time stamps that the log prints.")
    ] = None
    passed_seconds: Annotated[
        float | None,
        doc(
            "Seconds from the launch until the window's last line was there, which no clock may"
            " exceed; null: not known, or an older record."
        ),
    ] = None
    agreement: Annotated[
        float | None, doc("Seconds of the clock that is not the log's, divided by the log's.")
    ] = None
    agreement_error: Annotated[
        float | None, doc("Error of the agreement that rounding may have made.")
    ] = None
    disagreement: Annotated[
        Disagreement | None, doc("Where and why two clocks differ by more than they may.")
    ] = None
    compared: Annotated[
        tuple[ComparedClock, ...] | None,
        doc("All clocks that were compared with the log's own figures; null in older records."),
    ] = None
    rounding: Annotated[
        float | None,
        doc(
            "Bound of the relative error that comes from the digits that the leading clock prints,"
            " e.g. 0.00135."
        ),
    ] = None
    data_share: Annotated[
        float | None,
        doc("Share of the window, without its pauses, that the training waited for data, 0 to 1."),
    ] = None
    loss_first: Annotated[float | None, doc("Mean loss of the window's first quarter.")] = None
    loss_last: Annotated[float | None, doc("Mean loss of the window's last quarter.")] = None
    peak_allocated_bytes: Annotated[
        int | None,
        doc(
            "Most GPU memory that the framework had allocated on one GPU, up to the window's end,"
            " as the log prints it in whole MiB; null: not printed, or an older record."
        ),
    ] = None
    lines: Annotated[
        LogStretch | None, doc("Where the window's lines stand in the log; null in older records.")
    ] = None
    metrics: Annotated[
        Mapping[MetricName, Metric] | None,
        doc("By name: the values that log.metrics asks for; null: it asks for none."),
    ] = None
    processes: Annotated[
        int, doc("Number of processes that wrote the log one after the other.")
    ] = 0
    began: Annotated[int | None, doc("Iterations done before the process's first log line.")] = None
    began_s: Annotated[
        float | None, doc("When the covered iterations began, in seconds of the monotonic clock.")
    ] = None
    ended_s: Annotated[
        float | None, doc("When the covered iterations ended, in seconds of the monotonic clock.")
    ] = None
    timed: Annotated[
        tuple[TimedStretch, ...] | None,
        doc(
            "Stretches that the number covers, where it leaves out others, such as an evaluation;"
            " null: all from began_s to ended_s."
        ),
    ] = None
    reason: Annotated[str, doc("Why there is no number, in words; else empty.")] = ""
    remedy: Annotated[str, doc("What to do about that; else empty.")] = ""
    failure: Annotated[
        Failure | None, doc("What ended the training, where there is no number.")
    ] = None
    warnings: Annotated[
        tuple[str, ...], doc("What to know about the number, each with what to do.")
    ] = ()

    @property
    def explanation(self) -> str:
        """Why there is no number and what to do, in one line; empty if there is one."""
        return str(Problem(self.reason, self.remedy))
