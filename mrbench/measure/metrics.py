"""Metrics: values that a log prints beside its times, as a recipe's patterns or columns find them.

Where the window's lines stand in the log is known only once it is measured, so that its bytes are
read again, and only where a recipe asks for metrics.
"""

import math
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from mrbench.errors import MeasureError, RecipeError
from mrbench.measure.log import patience
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import blank_colours, number, plain
from mrbench.measure.parsers.rows import read_column, with_columns
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import LogStretch, Measurement
from mrbench.model.metric import RESERVED, Metric, MetricPattern
from mrbench.text import counted, shorten

ONCE = "the log is a pipe, which can be read only once"
NONE = "no line of the window matches its pattern"
NO_ROW = "no row of the window has its column"
TOO_LARGE = "its values are too large to be added up"
FAR = 1000  # iterations


def check_metrics(log: LogFormat) -> None:
    """Raise RecipeError, with its key, for a metric that cannot be read from such a log."""
    for name, metric in log.metrics.items():
        key = f"log.metrics.{name}"
        if name in RESERVED:
            text = "has the name of a column that mrbench fills itself"
            raise RecipeError(text, f"choose another, such as log_{name}", key=key)
        if (metric.pattern is None) == (metric.column is None):
            raise RecipeError("has both or neither of two", "give `pattern` or `column`", key=key)
        if metric.pattern is not None:
            patience.compiled(metric.pattern, ("value",), key=f"{key}.pattern")
        elif with_columns(log) is None:
            hint = "give a `pattern`, or log.columns for a result file"
            raise RecipeError("the log has no columns", hint, key=f"{key}.column")


def with_metrics(
    measured: Measurement, log: LogFormat, blocks: Callable[[], Iterable[Block]] | None
) -> Measurement:
    """Add the metrics of a log that was measured; unchanged where there are none, or no number.

    blocks: reads the log from its beginning, as read_blocks does; None: it cannot be read again.
    A pattern that takes too long costs its metric alone.
    """
    lines, first, last = measured.lines, measured.first, measured.last
    if not log.metrics or measured.status != "ok":
        return measured
    found = {name: _Values(metric) for name, metric in log.metrics.items()}
    if blocks is None or lines is None or first is None or last is None:
        why = {name: values.metric(ONCE) for name, values in found.items()}
        return replace(measured, metrics=why)
    window = _Numbered(first, last, log.counts_from)
    series = [
        _Series(values, window, pattern, f"log.metrics.{name}.pattern")
        for name, values in found.items()
        if (pattern := values.of.pattern) is not None
    ]
    _read_lines(series, blocks() if series else (), lines)
    for values in found.values():
        if values.of.column is not None:
            _read_rows(values, log, blocks(), lines, (first, last))
    return replace(measured, metrics={name: values.metric() for name, values in found.items()})


class _Values:
    """The values of one metric as they come; of any number of them only the sums are kept."""

    def __init__(self, metric: MetricPattern) -> None:
        self.of = metric
        self._count = self._unusable = 0
        self._total = self._final = 0.0
        self._least, self._most = math.inf, -math.inf
        self._final_text = self._bad_text = self._why = ""

    def fail(self, why: str) -> None:
        """Give no value, for that reason."""
        self._why = why

    def add(self, printed: bytes) -> None:
        """Add a value as it is printed."""
        self._count += 1
        self._final_text = shorten(printed.decode(errors="replace"), 20)
        self._final = value = number(plain(printed))  # nan for 0,25: it may be 0.25
        if math.isfinite(value):
            self._total += value
            self._least, self._most = min(self._least, value), max(self._most, value)
        else:
            self._unusable += 1
            self._bad_text = self._bad_text or self._final_text

    def metric(self, why_none: str = "") -> Metric:
        """Return what the values come to; why_none: why there are none, if that is known."""
        value, reason = None, why_none or self._why or (NO_ROW if self.of.column else NONE)
        if self._count and not self._why:
            value, reason = self._together()
        return Metric(
            value=value,
            unit=self.of.unit,
            aggregation=self.of.aggregation,
            count=self._count,
            reason=reason,
            description=self.of.description,
        )

    def _together(self) -> tuple[float | None, str]:
        """Return the value, or why there is none."""
        if self.of.aggregation == "last":
            if math.isfinite(self._final):
                return self._final, ""
            return None, f"the last value is no finite number: {self._final_text}"
        if self._unusable:
            which = f"{self._unusable} of {counted(self._count, 'value')}"
            are = "is no finite number" if self._unusable == 1 else "are no finite numbers"
            return None, f"{which} {are}, the first is {self._bad_text}"
        values = {"mean": self._total / self._count, "max": self._most, "min": self._least}
        value = values[self.of.aggregation]
        return (value, "") if math.isfinite(value) else (None, TOO_LARGE)


class _Numbered:
    """The window's iterations as a log counts them."""

    def __init__(self, first: int, last: int, counts_from: int) -> None:
        shift = counts_from - 1
        self._first, self._last = first + shift, last + shift
        # so far behind the window no rank prints late
        self._far = self._last + max(last - first, FAR)

    def __contains__(self, printed: int) -> bool:
        return self._first <= printed <= self._last

    def is_past(self, printed: int) -> bool:
        """Tell whether nothing of the window follows behind an iteration."""
        return printed > self._far


class _Series:
    """Finds the values of a metric by its pattern. done: none of the window's can follow."""

    def __init__(self, values: _Values, window: _Numbered, pattern: str, key: str) -> None:
        self._expression = patience.compiled(pattern, ("value",), key=key)
        self.by_place = "iteration" not in self._expression.groupindex
        self.done = False
        self._values, self._window, self._key = values, window, key

    def add(self, text: bytes) -> None:
        """Add all values of a text of whole lines; a value that is cut off at its end is none."""
        try:
            matches = patience.matches(self._expression, text, key=self._key)
        except MeasureError as exc:  # it costs the metric, not the number
            self._values.fail(exc.text)
            self.done = True
            return
        for match in matches:
            printed = match["value"]
            if printed is None or (match.end("value") == len(text) and text[-1:] != b"\n"):
                continue
            if self.by_place or self._inside(match["iteration"]):
                self._values.add(printed)
            if self.done:
                return

    def _inside(self, printed: bytes | None) -> bool:
        try:
            iteration = int(plain(printed or b""))
        except ValueError:
            return False
        self.done = self._window.is_past(iteration)
        return iteration in self._window


def _read_lines(series: Iterable[_Series], blocks: Iterable[Block], lines: LogStretch) -> None:
    """Add what the lines behind the one before the window's first have.

    Up to the end of the window's last line; of what tells its iteration, of the process's last.
    """
    for offset, block in blocks:
        behind = offset + len(block)
        if behind <= lines.began_at:
            continue
        text = blank_colours(block).replace(b"\r", b"\n")
        start = _next_line(text, lines.began_at - offset)
        for each in (each for each in series if not each.done):
            end = lines.ended_at if each.by_place else lines.until
            each.add(text[start : None if end is None else _next_line(text, end - offset)])
            each.done = each.done or (end is not None and behind > end)
        if all(each.done for each in series):
            return


def _next_line(text: bytes, at: int) -> int:
    """Return where the line ends that holds the byte before `at`; a line's end is part of it."""
    if at <= 0:
        return 0
    end = text.find(b"\n", at - 1)
    return len(text) if end < 0 else end + 1


def _read_rows(
    values: _Values,
    log: LogFormat,
    blocks: Iterable[Block],
    lines: LogStretch,
    covered: tuple[int, int],
) -> None:
    """Add what a result file's rows have in the metric's column.

    The rows of the window's iterations count; where the file counts them anew in each epoch, those
    up to the window's last row.
    """
    named = with_columns(log)
    if named is None or named.columns is None:
        return
    window = _Numbered(*covered, named.counts_from)
    end = lines.ended_at if log.restarts else lines.until
    for row in read_column(blocks, named.columns, values.of.column or ""):
        if end is not None and row.ended_at > end:
            return
        if row.ended_at > lines.began_at and (log.restarts or row.iteration in window):
            values.add(row.text.encode())
