"""Result files as logs: CSV with a header, JSON lines, and TensorBoard's event files.

Columns are named by what their numbers are: a name is a CSV column, a path of keys in a JSON object
(`data.step_time`) or a TensorBoard tag. A row that lacks one that is needed tells of something
else, such as a validation. What kind a file is its first bytes show.
"""

import csv
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from mrbench.errors import MeasureError
from mrbench.measure.log import stated
from mrbench.measure.log.blocks import Block
from mrbench.measure.parsers import tfevents, units
from mrbench.measure.parsers.base import Cell, Mark, Options, TextFormat, last_digit, number, plain
from mrbench.measure.parsers.pattern import of_columns
from mrbench.measure.parsers.samples import to_samples
from mrbench.model.finding import Problem
from mrbench.model.logformat import Columns, LogFormat
from mrbench.model.measurement import IterationSample, Printed
from mrbench.text import printable, shorten

STEP = "step"  # an event's, among its tags
MILLISECONDS = 1e11  # seconds since 1970 are fewer for the next 3000 years
LONGEST_LINE = 1 << 20  # bytes
_LINE_END = re.compile(rb"[\r\n]")
MOST_SCALARS = 10_000  # are looked at for their tags
NO_VALUE = Problem(
    "log.columns has no `value`, so that only another clock tells the seconds",
    "let mrbench run the training: it times the rows as they are written",
)
LITGPT = LogFormat(  # its metrics.csv, whose time contains its validation
    columns=Columns(iteration="iter", value="time", loss="loss", total_work="total_tokens"),
    timing="cumulative",
)
LIGHTNING = LogFormat(  # a metrics.csv with its ThroughputMonitor, which leaves it out
    columns=Columns(iteration="step", value="train/time"), timing="cumulative", counts_from=0
)


# Formats whose columns are known.
KNOWN: Mapping[str, LogFormat] = {"litgpt-csv": LITGPT, "lightning-csv": LIGHTNING}
DLLOGGER = LogFormat(
    columns=Columns(
        loss="data.reduced_train_loss", total_work="data.consumed_samples", stamp="timestamp"
    ),
    counts_from=0,
)
MOVING = Problem(
    "NeMo's train_step_timing is a moving mean of some steps, which the log does not number",
    "give a log with its timestamps",
)


class Row(NamedTuple):
    """A row's texts by their columns, and the offset in bytes behind it."""

    texts: Mapping[str, str]
    ended_at: int
    printed: Printed | None = None


def parse(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield the samples of a file whose columns the recipe names, for work in that unit."""
    columns = options.log.columns
    rule = of_columns(options.log, options.unit)
    if columns is None:
        return iter(())
    return to_samples(_marks(read(blocks, columns), columns, rule), rule, options)


def parse_known(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield the samples of a format of KNOWN."""
    return parse(blocks, _known(KNOWN[options.log.format or ""], options))


def parse_dllogger(blocks: Iterable[Block], options: Options) -> Iterator[IterationSample]:
    """Yield those of NeMo's dllogger.json, whose time of a step is a mean over several."""
    samples = parse(blocks, _known(DLLOGGER, options))
    return (sample._replace(unknown=MOVING) for sample in samples)


def _known(log: LogFormat, options: Options) -> Options:
    log = msgspec.structs.replace(log, every=options.log.every)
    return options._replace(log=log, unit=None)


def with_columns(log: LogFormat) -> LogFormat | None:
    """Return a result file's format with its columns; None for a log that has none."""
    return log if log.columns is not None else KNOWN.get(log.format or "")


def read(blocks: Iterable[Block], columns: Columns) -> Iterator[Row]:
    """Yield the rows that have the columns that are needed."""
    stream = iter(blocks)
    first: list[Block] = []
    head = b""
    for block in stream:
        first.append(block)
        head += block[1]
        if len(head) >= tfevents.HEAD_BYTES:
            break
    whole = itertools.chain(first, stream)
    if tfevents.is_events(head):
        yield from _events(whole, columns)
        return
    needed = [columns.iteration, columns.value or columns.loss or ""]
    reader = _objects if _has_objects(head) else _csv
    for row in reader(_lines(whole), columns):
        if all(row.texts.get(name) for name in needed):
            yield row


def _has_objects(head: bytes) -> bool:
    line = _LINE_END.split(head.lstrip(), maxsplit=1)[0]
    return line[:1] == b"{" or b' {"' in line


def read_column(blocks: Iterable[Block], columns: Columns, name: str) -> Iterator[Cell]:
    """Yield what the rows that have an iteration have in a column."""
    for row in read(blocks, Columns(iteration=columns.iteration, value=name)):
        step = _number(row, columns.iteration)
        if step is not None and step.is_integer():
            yield Cell(int(step), row.texts[name], row.ended_at)


def columns_in(head: bytes, suffix: str) -> tuple[str, list[str]] | None:
    """Return what kind of result file begins with these bytes, and its columns; None if none."""
    if tfevents.is_events(head):
        scalars = itertools.islice(tfevents.read([(0, head)]), MOST_SCALARS)
        return "a TensorBoard event file", list(dict.fromkeys(scalar.tag for scalar in scalars))
    first = head.split(b"\n", 1)[0]
    if suffix == ".csv":
        return "a CSV file", next(csv.reader([first.decode("utf-8-sig", "replace").strip()]), [])
    if suffix in (".json", ".jsonl", ".ndjson") and b"{" in first:
        try:
            found = msgspec.json.decode(first[first.find(b"{") :])
        except (msgspec.DecodeError, RecursionError):
            return None
        return "a file of JSON lines", list(_paths(found))
    return None


def lacking(head: bytes, log: LogFormat) -> Problem | None:
    """Return why a result file, by how it begins, has no row with its columns, or None."""
    columns = (with_columns(log) or log).columns
    if columns is None:
        return None
    if head[:2] in _UTF_16 or (b"\0" in head[:4096] and not tfevents.is_events(head)):
        return Problem("its text is UTF-16, or no text at all", "save it as UTF-8")
    kind, names = columns_in(head, ".jsonl" if _has_objects(head) else ".csv") or ("", [])
    if not names:
        return None
    own = [*names, STEP] if tfevents.is_events(head) else names
    missing = [n for n in (columns.iteration, columns.value or columns.loss) if n and n not in own]
    if not missing:
        return None
    shown = ", ".join(printable(name) for name in names[:MOST_NAMES])
    text = f"no column is called {' or '.join(map(repr, missing))}: it is {kind} with the columns"
    remedy = "correct log.columns"
    if kind == "a CSV file" and not any(math.isnan(number(name.encode())) for name in names):
        remedy = "give it a header: a first line with the columns' names"
    elif kind == "a CSV file" and len(names) == 1 and re.search(r"[;\t]", names[0]):
        remedy = "separate its columns by commas"
    return Problem(f"{text} {shorten(shown, 300)}", f"{remedy}")


MOST_NAMES = 20  # of columns are named
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def _paths(found: object, before: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _paths(value, f"{before}{key}.")
    elif before and isinstance(found, str | int | float):
        yield before[:-1]


def _lines(blocks: Iterable[Block]) -> Iterator[tuple[bytes, int]]:
    """Yield each whole line, and the offset behind it."""
    for offset, block in blocks:
        at = offset
        for line in block.splitlines(keepends=True):
            at += len(line)
            if len(line) <= LONGEST_LINE and line.endswith((b"\n", b"\r")):
                yield line, at


def _csv(lines: Iterable[tuple[bytes, int]], columns: Columns) -> Iterator[Row]:
    """Yield the rows below each header; a file that was continued may have several."""
    header: list[str] = []
    for line, ended_at in lines:
        try:
            cells = next(csv.reader([line.decode("utf-8-sig", "replace").rstrip("\r\n")]), [])
        except csv.Error:
            continue
        cells = [cell.strip() for cell in cells]
        if columns.iteration in cells:
            header = cells
            _check_header(header, columns)
        elif len(cells) == len(header):
            yield Row(dict(zip(header, cells, strict=True)), ended_at)


def _check_header(header: list[str], columns: Columns) -> None:
    """Refuse a header in which a needed name stands twice. Raises MeasureError."""
    for name in msgspec.structs.astuple(columns):
        if name and header.count(name) > 1:
            text = f"its header has {header.count(name)} columns named {printable(name)!r}"
            raise MeasureError(text, "rename them, so that log.columns names one of them")


def _objects(lines: Iterable[tuple[bytes, int]], columns: Columns) -> Iterator[Row]:
    """Yield the JSON objects, each in a line, perhaps behind some words (`DLLL {...}`)."""
    names = [name for name in msgspec.structs.astuple(columns) if name]
    last = columns.iteration.rpartition(".")[2].encode()
    for line, ended_at in lines:
        at = line.find(b"{")
        if at < 0 or last not in line:
            continue
        found = _decoded(line[at:])
        texts = {name: _at(found, name) for name in names}
        yield Row({name: text for name, text in texts.items() if text is not None}, ended_at)


def _decoded(text: bytes) -> object:
    """Return what JSON holds, None for what is none; nan and inf stand in it as Python has them."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _at(found: object, path: str) -> str | None:
    """Return the text of a number or word at a path of keys, which may have dots themselves."""
    if isinstance(found, dict):
        if path in found:
            value = found[path]
            scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
            return str(value) if scalar else None
        for i in range(len(path)):
            if path[i] == "." and path[:i] in found:
                return _at(found[path[:i]], path[i + 1 :])
    return None


def _events(blocks: Iterable[Block], columns: Columns) -> Iterator[Row]:
    """Yield a row for each event of the tag that leads, with what came before it at its step."""
    leading = columns.value or columns.loss
    step = -1
    texts: dict[str, str] = {}
    for scalar in tfevents.read(blocks):
        if scalar.step != step:
            step, texts = scalar.step, {}
        texts[scalar.tag] = repr(scalar.value)
        if scalar.tag == leading:
            printed = Printed(scalar.wall_time_s, 1e-3, math.inf)
            yield Row({**texts, STEP: str(step)}, scalar.ended_at, printed)


def _marks(rows: Iterable[Row], columns: Columns, rule: TextFormat) -> Iterator[Mark]:
    floor = last = 0
    what = _meaning(columns, rule)
    label = f"{columns.data}:".encode()
    wait_s = rule.unit_s or units.of_wait(label, len(label), len(label), what.seconds)
    for row in rows:
        step = _number(row, columns.iteration)
        if step is None or not step.is_integer():  # nan and inf are none
            continue
        within = int(step) - rule.counts_from + 1
        if rule.recounts and within < last - floor:
            floor = last
        iteration = last = floor + within
        if iteration < 1:
            continue
        if columns.value and row.texts[columns.value].lower() == "nan":
            continue  # it tells no time, as a line of another pattern
        mark = Mark(
            iteration,
            math.nan,
            row.ended_at,
            floor=floor,
            loss=_number(row, columns.loss),
            printed=_printed(row, columns.stamp),
            untold=NO_VALUE,
            work=_number(row, columns.work),
            total_work=_number(row, columns.total_work),
        )
        yield mark if columns.value is None else _timed(mark, row, columns, what, wait_s)


def _meaning(columns: Columns, rule: TextFormat) -> units.Meaning:
    """Return what a file's values are, by the names of their columns and the recipe."""
    what = units.of_column(columns.value or "", rule)
    told = (name for name in (columns.work, columns.total_work) if name is not None)
    problems = (units.of_work_column(name, rule.work_unit) for name in told)
    return what._replace(untold=what.untold or next(filter(None, problems), None))


def _timed(mark: Mark, row: Row, columns: Columns, what: units.Meaning, wait_s: float) -> Mark:
    name = columns.value or ""
    text = plain(row.texts[name].encode())
    value = number(text)
    error = last_digit(text) / 2 if math.isfinite(value) else 0.0
    value, error = units.apply(value, error, what)
    wait = _number(row, columns.data)
    data = None if wait is None else wait * wait_s
    untold = what.untold if not math.isnan(number(text)) else _no_number(name, row.texts[name])
    return mark._replace(value=value, error=error, untold=untold, data=data)


def _no_number(name: str, text: str) -> Problem:
    shown = printable(shorten(text, 40))
    return Problem(
        f"its column {printable(name)!r} holds {shown!r}, which is no number",
        "replace what is none (a decimal comma by a point), or correct log.columns",
    )


def _number(row: Row, name: str | None) -> float | None:
    text = row.texts.get(name) if name else None
    return number(plain(text.encode())) if text else None


def _printed(row: Row, name: str | None) -> Printed | None:
    """Return a row's time stamp: a text, or seconds or milliseconds since 1970."""
    if name is None:
        return row.printed
    text = row.texts.get(name, "").encode()
    seconds = number(text)
    if not math.isfinite(seconds):
        return stated.read_stamp(text)
    scale = 1e-3 if seconds > MILLISECONDS else 1.0
    return Printed(seconds * scale, max(last_digit(text.strip()) * scale, 1e-6), math.inf)
