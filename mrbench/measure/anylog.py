"""What `mrbench parse` does: detect the format of any log and measure it over a window."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import structs

from mrbench.errors import RecipeError
from mrbench.measure.clocks import with_evidence
from mrbench.measure.log.blocks import (
    BLOCK_BYTES,
    Block,
    read_blocks,
    read_launch,
    read_range,
    read_stamps,
)
from mrbench.measure.metrics import check_metrics, with_metrics
from mrbench.measure.parsers import (
    FORMAT_NAMES,
    KIN,
    begun,
    counts_work,
    parse_samples,
    rated_per,
    resolve_format,
    spaced,
    tells_work,
    unit_in,
    warning_of,
)
from mrbench.measure.parsers.rows import columns_in, lacking
from mrbench.measure.rates import RatedLines
from mrbench.measure.spans import ArrivalClock, Marks
from mrbench.measure.told import (
    contradictions,
    is_foreign,
    stated_facts,
    stated_work,
    trainers_notes,
)
from mrbench.measure.totals import NEEDS_TOTALS, Totals
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Per
from mrbench.model.measurement import Measurement
from mrbench.model.metric import MetricPattern
from mrbench.model.published import ByRule
from mrbench.model.work import Unit
from mrbench.text import did_you_mean, printable, shorten

MOST_COLUMNS = 20  # are named
ENOUGH = 100  # samples that prove a format
SAMPLED_BYTES = 1 << 16  # of a block, looked at first
UNREAD = "no line is of a format that mrbench knows"
OWN_FORMAT = (
    "`mrbench new FILE --log LOG` writes a recipe with a pattern for it, which --recipe FILE takes;"
    f" known formats: {', '.join(FORMAT_NAMES)}"
)
BINARY = "holds zero bytes, as no text log does", "give the log that the training printed"
DECIMAL_COMMA = re.compile(rb"(?<=\d),(?=\d)")
COMMAS = (
    "its numbers have a comma where parsers expect a decimal point, as in 0,27",
    "replace the commas between digits by points, and parse the result",
)
SHOWN = (  # of a measurement, as it is
    *("unit", "throughput", "seconds_per_iteration", "first", "last", "iterations"),
    *("work_per_iteration", "interval", "drift", "rounding", "data_share", "clock"),
    *("second_clock", "agreement", "disagreement", "processes", "warnings", "failure"),
)


class KnownLog(NamedTuple):
    """How a log is parsed, the work of an iteration, if known, and whose log it would be then."""

    log: LogFormat
    work_per_iteration: int | None = None
    unit: Unit = "images"
    implementation: str | None = None


Known = Mapping[str, KnownLog]  # by implementation


class ParsedLog(msgspec.Struct, frozen=True, kw_only=True):
    """A log's measurement. implementation is None if no recipe writes such a log.

    per: device where the throughput is that of one device, since the log prints such rates and does
    not tell of how many devices.
    log: how it was parsed. by_rule: what a rule makes of it, where one was asked for.
    """

    measurement: Measurement
    implementation: str | None
    format: str | None
    per: Per = "job"
    log: LogFormat | None = None
    by_rule: ByRule | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the keys of `mrbench parse --json`."""
        m = msgspec.to_builtins(self.measurement)
        return {
            "status": m["status"],
            "reason": self.measurement.explanation,
            "implementation": self.implementation,
            "format": self.format,
            "per": self.per,
            **{name: m[name] for name in SHOWN},
            "compared": m["compared"] or [],
            "metrics": m["metrics"] or {},
            **({"by_rule": msgspec.to_builtins(self.by_rule)} if self.by_rule else {}),
        }


def parse_log(
    path: Path,
    *,
    recipes: Known,
    window: Window,
    implementation: str | None = None,
    work_per_iteration: int | None = None,
    unit: Unit | None = None,
    given: Mapping[str, int] = {},
    metrics: Mapping[str, MetricPattern] = {},
) -> ParsedLog:
    """Measure a log, plain or gzip. Raises MeasureError (unreadable) and RecipeError.

    implementation: name of a recipe or of a format; without one the format is detected.
    The work of an iteration, in the unit, is that given, or that which the log states, or, with a
    note, that of the named recipe. It is never guessed: without it, only seconds per iteration are
    known.
    given: keys of LogFormat that count instead of the recipe's or the format's. metrics: further
    ones than the recipe's.
    """
    readings = _readings(recipes, implementation)
    marks = Marks()
    reading, blocks = _detect(read_blocks(path), readings)
    if reading is None:
        measured = measure((), window, work_per_iteration, unit=unit or "images")
        if measured.status == "no_iterations":
            unlike = _unlike(path, readings)
            measured = structs.replace(measured, reason=unlike[0], remedy=unlike[1])
        named = readings[0].implementation if implementation else None
        return _with_failure(measured, path, marks, named, None)
    log = structs.replace(reading.log, **given, metrics={**reading.log.metrics, **metrics})
    check_metrics(log)
    head = functools.cache(functools.partial(_head, path))
    log = resolve_format(spaced(log, head))
    facts = stated_facts(path, log)
    if implementation is None and is_foreign(path, log, facts):
        reading = KnownLog(log)
    reading = reading._replace(log=log)
    # a format has many users, with batches of their own; a recipe's own pattern but that one
    trusted = implementation is not None or reading.log.pattern is not None
    counted = None if trusted else unit_in(log, head)
    assumed = unit is None and counted == "tokens"
    unit = unit or counted or reading.unit
    stated = stated_work(facts, log, unit)
    work = work_per_iteration or stated or (reading.work_per_iteration if trusted else None)
    read_for = None if log.format in NEEDS_TOTALS else window
    stamps, totals = _stamps_beside(path), Totals(log, read_for)
    if not work and counts_work(log):
        # its seconds are those of one image or token, which no other clock can check
        samples = parse_samples(blocks, log, 0, read_for, unit=unit)
        lines = RatedLines(window)
        measured = measure(marks.watch(lines.watch(samples)), window, work, log=log, unit=unit)
        warnings = (*measured.warnings, *lines.notes(measured))
        measured = structs.replace(measured, warnings=warnings)
    else:
        samples = parse_samples(totals.watch(blocks), log, work or 0, read_for, unit=unit)
        measured = measure(
            marks.watch(samples),
            window,
            work,
            stamps=stamps,
            launched_s=read_launch(path.with_name("exit.json")) if stamps else None,
            log=log,
            totals=totals,
            unit=unit,
        )
    again = functools.partial(read_blocks, path) if path.is_file() else None
    if again:
        measured = with_evidence(measured, functools.partial(read_range, path))
    measured = with_metrics(measured, log, again)
    if measured.status == "no_iterations" and _has_decimal_commas(head(), [reading]):
        measured = structs.replace(measured, reason=COMMAS[0], remedy=COMMAS[1])
    none_read = measured.status == "no_iterations" and path.is_file()
    if none_read and (lacks := lacking(head(), log)):
        measured = structs.replace(measured, reason=lacks.text, remedy=lacks.remedy)
    measured = _with_work(measured, reading, given=work_per_iteration, stated=stated, work=work)
    if measured.status == "ok":
        notes = (*contradictions(facts, measured), *trainers_notes(measured, log, assumed=assumed))
        measured = structs.replace(measured, warnings=(*measured.warnings, *notes))
    parsed = _with_failure(measured, path, marks, reading.implementation, reading.log.format)
    return structs.replace(parsed, per=rated_per(log), log=log)


def _readings(recipes: Known, name: str | None) -> list[KnownLog]:
    """Return the ways to parse the log, the likeliest first."""
    if name is not None and name in recipes:
        known = recipes[name]
        others = [n for n in KIN.get(known.log.format or "", ()) if n != known.log.format]
        kin = [structs.replace(known.log, format=n) for n in others]
        return [known._replace(log=each, implementation=name) for each in (known.log, *kin)]
    if name in FORMAT_NAMES:
        return [KnownLog(LogFormat(format=name))]
    if name is not None:
        names = sorted({*recipes, *FORMAT_NAMES})
        hint = did_you_mean(name, names) or f"known are {', '.join(names)}"
        raise RecipeError(f"no implementation or log format {name!r}", hint)
    own = [
        known._replace(implementation=impl)
        for impl, known in recipes.items()
        if known.log.pattern is not None
    ]
    return [*(_by_format(recipes, format_) for format_ in FORMAT_NAMES), *own]


def _by_format(recipes: Known, format_: str) -> KnownLog:
    writers = [
        (name, known)
        for name, known in recipes.items()
        if known.log.format == format_ or format_ in KIN.get(known.log.format or "", ())
    ]
    if len(writers) != 1:
        return KnownLog(LogFormat(format=format_))
    name, known = writers[0]
    log = structs.replace(known.log, format=format_)
    return known._replace(log=log, implementation=name)


def _detect(
    blocks: Iterator[Block], readings: list[KnownLog]
) -> tuple[KnownLog | None, Iterator[Block]]:
    """Return the reading that yields most samples in the first block where one yields any."""
    if len(readings) == 1:
        return readings[0], blocks
    for offset, block in blocks:
        for part in (block[:SAMPLED_BYTES], block):
            counts = [_samples_in(part, each.log) for each in readings]
            best = max(counts)
            if best:
                return readings[counts.index(best)], itertools.chain([(offset, block)], blocks)
    return None, blocks


def _samples_in(part: bytes, log: LogFormat) -> int:
    return sum(1 for _ in itertools.islice(parse_samples([(0, part)], log, 1), ENOUGH))


def _unlike(path: Path, readings: list[KnownLog]) -> tuple[str, str]:
    """Return why no line was read, and what to do."""
    head = _head(path)
    if path.is_file():
        result = columns_in(head, Path(path.name.removesuffix(".gz")).suffix)
        if result:
            return _unnamed(*result)
        if b"\0" in head[:4096]:
            return BINARY
    if _has_decimal_commas(head, readings):
        return COMMAS
    format_ = begun(head)
    if format_ is None:
        return UNREAD, OWN_FORMAT
    text = f"a training of the format {format_} begins, but no line reports an iteration"
    remedy = (
        "let it train longer than its printing interval; or, if it does report them,"
        " `mrbench new FILE --log LOG` writes a recipe with a pattern, which --recipe FILE takes"
    )
    return text, remedy


def _unnamed(kind: str, columns: Sequence[str]) -> tuple[str, str]:
    """Return that nothing says what a result file's columns are, and what to do."""
    names = ", ".join(printable(name) for name in columns[:MOST_COLUMNS])
    more = f" and {len(columns) - MOST_COLUMNS} more" if len(columns) > MOST_COLUMNS else ""
    remedy = "say which of its columns are what (--as 'columns: {...}', log.columns of a recipe)"
    return f"it is {kind} with the columns {shorten(names, 300)}{more}", remedy


def _has_decimal_commas(head: bytes, readings: list[KnownLog]) -> bool:
    """Return whether a log that none of the readings reads is one with points for commas."""
    part = DECIMAL_COMMA.sub(b".", head)
    return any(_samples_in(part, each.log) for each in readings)


def _head(path: Path) -> bytes:
    """Return a log's beginning; nothing of a pipe, which can be read but once."""
    return read_range(path, 0, BLOCK_BYTES) if path.is_file() else b""


def _stamps_beside(path: Path) -> ArrivalClock | None:
    name = path.name.removesuffix(".gz")
    beside = path.with_name(name).with_suffix(".stamps")
    return read_stamps(beside) if name.endswith(".log") and beside.is_file() else None


def _with_work(
    measured: Measurement,
    reading: KnownLog,
    *,
    given: int | None,
    stated: int | None,
    work: int | None,
) -> Measurement:
    warnings = list(measured.warnings)
    if warning_of(reading.log):
        warnings.append(warning_of(reading.log))
    if measured.work_per_iteration is None and counts_work(reading.log):
        # Parsed as if an iteration were one image or token: its seconds are those of one.
        seconds = measured.seconds_per_iteration
        measured = structs.replace(
            measured, throughput=1 / seconds if seconds else None, seconds_per_iteration=None
        )
    elif measured.work_per_iteration is None:
        by_recipe = f" ({reading.work_per_iteration} by the recipe {reading.implementation})"
        hint = by_recipe if reading.work_per_iteration else ""
        warnings.append(
            f"the log does not state its {measured.unit} per iteration, so there is no throughput;"
            f" give --work-per-iteration N{hint}"
        )
    elif given and stated and given != stated:
        warnings.append(f"the log states {stated} {measured.unit} per iteration, not {given}")
    elif (
        measured.work_per_iteration == work  # else the log's own count is used
        and not (given or stated or counts_work(reading.log) or tells_work(reading.log))
    ):
        warnings.append(
            f"{measured.work_per_iteration} {measured.unit} per iteration are the recipe's"
            f" ({reading.implementation}); if the log was made otherwise,"
            " give --work-per-iteration"
        )
    return structs.replace(
        measured, warnings=tuple(warnings) if measured.status == "ok" else measured.warnings
    )


def _with_failure(
    measured: Measurement, path: Path, marks: Marks, implementation: str | None, format_: str | None
) -> ParsedLog:
    again = path.is_file()  # a pipe can be read but once
    if again and path.stat().st_size == 0:
        remedy = "is it the right file?"
        measured = structs.replace(measured, reason="the log is empty", remedy=remedy)
    if again and measured.status != "ok":
        from mrbench.measure.failure import verdict  # noqa: PLC0415 - 11 ms that numbers do not need

        failure = verdict.failure_of_log(path, marks, measured.status)
        if failure:
            why = verdict.explain(failure, verdict.shortfall(measured))
            measured = structs.replace(
                measured, status=failure.status, reason=why.text, remedy=why.remedy, failure=failure
            )
    return ParsedLog(measurement=measured, implementation=implementation, format=format_)
