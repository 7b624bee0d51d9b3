"""Metrics: values that a log prints beside its times, as patterns of a recipe find them.

Where the window's lines stand in the log is known only once it is measured, so that its bytes are
read again, and only where a recipe asks for metrics.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.log import patience
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers.base import blank_colours, plain
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import LogStretch, Measurement
from mrbench.model.metric import Metric, MetricPattern
from mrbench.text import counted, shorten

ONCE = "the log is a pipe, which can be read only once"
NONE = "no line of the window matches its pattern"
FAR = 1000  # iterations
TOO_LARGE = "its values are too large to be added up"


def check_metrics(metrics: Mapping[str, MetricPattern]) -> None:
    """Raise RecipeError, with the key below log, for an invalid pattern or one without value."""
    for name, metric in metrics.items():
        _compiled(name, metric)


def with_metrics(
    measured: Measurement, log: LogFormat, blocks: Callable[[], Iterable[Block]] | None
) -> Measurement:
    """Add the metrics of a log that was measured; unchanged where there are none, or no number.

    blocks: reads the log from its beginning, as read_blocks does; None: it cannot be read again.
    Raises MeasureError where a pattern takes too long.
    """
    lines = measured.lines
    if not log.metrics or lines is None or measured.status != "ok":
        return measured
    if blocks is None:
        found = {name: _metric(of, None, ONCE) for name, of in log.metrics.items()}
        return replace(measured, metrics=found)
    first, last = measured.first or 1, measured.last or 0
    series = [_Series(name, of, first, last, log.counts_from) for name, of in log.metrics.items()]
    for offset, block in blocks():
        if offset + len(block) <= lines.began_at:
            continue
        _read(series, offset, block, lines)
        if all(each.done for each in series):
            break
    return replace(measured, metrics={each.name: each.metric() for each in series})


def _read(series: Iterable["_Series"], offset: int, block: bytes, lines: LogStretch) -> None:
    """Add what stands in a block behind the line before the window's first.

    Up to the end of the window's last line; of what tells its iteration, of the process's last.
    """
    text = blank_colours(block).replace(b"\r", b"\n")
    behind = offset + len(block)
    start = _next_line(text, lines.began_at - offset)
    for each in series:
        end = lines.ended_at if each.by_place else lines.until
        if not each.done:
            each.add(text[start : None if end is None else _next_line(text, end - offset)])
            each.done = each.done or (end is not None and behind > end)


def _next_line(text: bytes, at: int) -> int:
    """Return where the line ends that holds the byte before `at`; a line's end is part of it."""
    if at <= 0:
        return 0
    end = text.find(b"\n", at - 1)
    return len(text) if end < 0 else end + 1


class _Series:
    """The values of one metric as they come; of any number of them only the sums are kept.

    done: what follows in the log is not of the window any more.
    """

    def __init__(
        self, name: str, metric: MetricPattern, first: int, last: int, counts_from: int
    ) -> None:
        self.name, self.of = name, metric
        self.expression = _compiled(name, metric)
        self.by_place = "iteration" not in self.expression.groupindex
        self.done = False
        self._window, self._shift = (first, last), 1 - counts_from
        self._count = self._unusable = 0
        self._total = self._final = 0.0
        self._least, self._most = math.inf, -math.inf
        self._final_text = self._bad_text = ""

    def add(self, text: bytes) -> None:
        """Add all values of a text of whole lines; a value that is cut off at its end is none."""
        key = f"log.metrics.{self.name}.pattern"
        for match in patience.matches(self.expression, text, key=key):
            printed = match["value"]
            if printed is None or (match.end("value") == len(text) and text[-1:] != b"\n"):
                continue
            if self.by_place or self._inside(match):
                self._take(plain(printed))
            if self.done:
                return

    def _inside(self, match: re.Match[bytes]) -> bool:
        try:
            iteration = int(plain(match["iteration"] or b"")) + self._shift
        except ValueError:
            return False
        first, last = self._window
        # so far behind the window no rank prints late
        self.done = iteration > last + max(last - first, FAR)
        return first <= iteration <= last

    def _take(self, printed: bytes) -> None:
        self._count += 1
        self._final_text = shorten(printed.decode(errors="replace"), 20)
        self._final = value = _number(printed)
        if math.isfinite(value):
            self._total += value
            self._least, self._most = min(self._least, value), max(self._most, value)
        else:
            self._unusable += 1
            self._bad_text = self._bad_text or self._final_text

    def metric(self) -> Metric:
        """Return what the values come to."""
        if not self._count:
            return _metric(self.of, None, NONE)
        if self.of.aggregation == "last":
            known = math.isfinite(self._final)
            reason = "" if known else f"the last value is no finite number: {self._final_text}"
            return _metric(self.of, self._final if known else None, reason, self._count)
        if self._unusable:
            which = f"{self._unusable} of {counted(self._count, 'value')}"
            are = "is no finite number" if self._unusable == 1 else "are no finite numbers"
            text = f"{which} {are}, the first is {self._bad_text}"
            return _metric(self.of, None, text, self._count)
        values = {"mean": self._total / self._count, "max": self._most, "min": self._least}
        value = values[self.of.aggregation]
        known = math.isfinite(value)
        return _metric(self.of, value if known else None, "" if known else TOO_LARGE, self._count)


def _metric(of: MetricPattern, value: float | None, reason: str, count: int = 0) -> Metric:
    return Metric(
        value=value,
        unit=of.unit,
        aggregation=of.aggregation,
        count=count,
        reason=reason,
        description=of.description,
    )


def _number(printed: bytes) -> float:
    """Return a printed number; nan for what is none, such as 0,25: it may be 0.25."""
    try:
        return float(printed)
    except ValueError:
        return math.nan


def _compiled(name: str, metric: MetricPattern) -> re.Pattern[bytes]:
    key = f"log.metrics.{name}.pattern"
    try:
        expression = re.compile(metric.pattern.encode(), re.MULTILINE)
    except (re.error, UnicodeEncodeError, OverflowError, RecursionError) as exc:
        text = f"is not a valid regular expression: {exc}"
        raise RecipeError(text, "correct it", key=key) from exc
    if "value" not in expression.groupindex:
        raise RecipeError("lacks the group value", "add it, as (?P<value>...)", key=key)
    return expression
