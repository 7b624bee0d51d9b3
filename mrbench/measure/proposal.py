"""How to parse a log of unknown format: a pattern derived from its lines, and what its value is.

A value counts only where its unit says what it is, or another clock of the log confirms it.
Otherwise the pattern finds the iterations alone, and the arrival of the lines tells the seconds.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mrbench.errors import MeasureError, MrbenchError
from mrbench.measure import columns
from mrbench.measure.anylog import KnownLog, parse_log
from mrbench.measure.columns import Column, Kind, Kindred
from mrbench.measure.log.blocks import BLOCK_BYTES, read_blocks, read_range
from mrbench.measure.parsers import (
    FORMAT_NAMES,
    RESULT_FILES,
    parse_samples,
    resolve_format,
    work_unit,
)
from mrbench.measure.parsers.base import blank_colours
from mrbench.measure.parsers.rows import columns_in
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat, Timing
from mrbench.model.measurement import IterationSample, Measurement
from mrbench.model.work import KnownWork, Unit
from mrbench.model.workload import PartlyKnown

# Works for many logs; the arrival of the lines makes the number right whatever they print.
ANY_STEPS = LogFormat(
    pattern=r"(?i)\b(?:step|steps|iter|iters|iteration|batch)\b\W{0,4}(?P<iteration>\d+)",
    clock="arrival",
)
NOTHING = PartlyKnown()
FIRST, LAST = 100, 500  # of the usual window
LOOKED_AT_BYTES = 8 << 20
LINE_BYTES = 4096  # around a mark, to show its line
GROWN = 5  # lines in which a time rises each time: no step time does
MOST_OF = 0.5  # of the lines that look alike a pattern must find
CONFIRMED = 0.05  # how far two clocks may be apart that mean the same
# The likeliest first, each with whether its unit alone is enough to know.
VALUES: tuple[tuple[Kind, tuple[Timing, ...], bool], ...] = (
    ("per_iteration", ("interval_mean",), True),
    ("per_second", ("iterations_per_second",), True),
    ("work_rate", ("rate",), True),
    ("time", ("interval_mean", "interval_total"), False),
)
# A number as most logs print it, and with an exponent or thousands separators; a loss may be nan.
DIGITS, PLAIN, LOSS = r"\d+", r"[\d.]+", r"[-+.\w]+"
ANY_FIGURE = r"(?:[-+\d.,:/eE]+|nan|inf)"  # clock times, too
ANY_NUMBER = r"\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """How to parse a log, and what that finds in it.

    unit: of the work. lines: how many lines tell of iterations; first and last of them. end: the
    last iteration. measured: over `window`, with the work that the log states, else that which is
    known; differs: the two, where they are not the same. columns: of a result file that mrbench
    does not know by name. rejected: what was tried, and why it is not the value.
    """

    log: LogFormat
    unit: Unit
    lines: int
    first: str
    last: str
    end: int
    window: Window
    measured: Measurement | None
    differs: tuple[float, float] | None = None
    columns: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the log has one of mrbench's formats."""
        return self.log.format is not None

    @property
    def every_open(self) -> bool:
        """Whether log.every is a stand-in.

        Then the log does not say how many iterations a line is about, and there is no number.
        """
        return self.log.every is not None


def propose(path: Path, *, known: PartlyKnown = NOTHING) -> Proposal | None:
    """Return how to parse a log, plain or gzip; None where no line counts iterations.

    known: of the workload; without a unit, that of the log's format counts, else images. It is
    measured over a window that fits the log. Raises MeasureError where the log cannot be read.
    """
    if not path.exists():
        raise MeasureError("no such file", "give a log that the training printed", file=path)
    if not path.is_file():  # it is read more than once, which a pipe cannot be
        raise MeasureError("is not a plain file", "give a log file", file=path)
    if path.stat().st_size == 0:
        raise MeasureError("is empty", "give a log that the training printed", file=path)
    format_ = _known(path)
    unit = known.unit or (work_unit(format_) if format_ else None) or "images"
    work = KnownWork(known.work_per_iteration(unit), unit)
    if format_ is not None:
        return _described(path, format_, work)
    kindred = columns.find(_lines(path))
    if kindred is None:
        return None
    _, names = columns_in(read_range(path, 0, BLOCK_BYTES), _file_name(path).suffix) or ("", [])
    rejected = {}
    for column, timing, sure in _readings(kindred):
        proposal = _described(path, _format(kindred, column, timing), work)
        why = _doubt(proposal, kindred.lines, sure=sure)
        if why is None:
            break
        rejected[f"the number behind {column.before.strip()!r} as {timing}: {why}"] = True
    else:
        proposal = _described(path, _format(kindred, None, None), work)
    return msgspec.structs.replace(proposal, columns=tuple(names), rejected=tuple(rejected))


def fitting_window(end: int, step: int) -> Window:
    """Return a window that a training of so many iterations reaches, at log lines' iterations."""
    if end >= LAST:
        return Window(first=FIRST, last=LAST)
    last = max(1, end - end % step)
    first = last // 5
    return Window(first=min(first - first % step, last - 1), last=last)


def _known(path: Path) -> LogFormat | None:
    """Return the log's format, if mrbench knows it, with the keys that the log does not state."""
    try:
        name = parse_log(path, recipes={}, window=Window(first=0, last=LAST)).format
    except MrbenchError:  # it may need a key that the log does not state
        logs = (LogFormat(format=each, every=1) for each in FORMAT_NAMES)
        name = next((log.format for log in logs if next(_samples(path, log), None)), None)
    if name is None:
        return None
    try:
        resolve_format(LogFormat(format=name))
    except MrbenchError:  # it does not say how many iterations an epoch has
        return LogFormat(format=name, every=1)
    file = f"**/{_file_name(path)}" if name in RESULT_FILES else None
    return LogFormat(format=name, file=file)


def _file_name(path: Path) -> Path:
    return Path(path.name.removesuffix(".gz"))


def _lines(path: Path) -> Iterator[str]:
    read = 0
    for _, block in read_blocks(path):
        text = blank_colours(block).replace(b"\r", b"\n").decode("utf-8", "replace")
        yield from text.split("\n")
        read += len(block)
        if read >= LOOKED_AT_BYTES:
            return


def _readings(kindred: Kindred) -> Iterator[tuple[Column, Timing, bool]]:
    """Yield what could be the value, the surest first."""
    for kind, timings, by_unit in VALUES:
        alike = [c for c in kindred.columns if c.stated == kind and c is not kindred.iteration]
        # of a forward, a backward and a whole step's time no unit says which is which
        only = sum(not column.grows for column in alike) == 1
        for column in alike:
            if kind == "time" and column.grows:
                yield column, "cumulative", kindred.lines >= GROWN
            elif kind == "time" and kindred.step == 1:
                yield column, "interval_mean", only
            else:
                yield from ((column, timing, by_unit and only) for timing in timings)


def _doubt(proposal: Proposal, lines: int, *, sure: bool) -> str | None:
    """Return why a reading of a value, of so many lines, is not to be relied on, or None."""
    measured = proposal.measured
    if proposal.lines < MOST_OF * lines:
        return f"a pattern finds {proposal.lines} of {lines} such lines"
    if measured is None or measured.status != "ok":
        return "no number" if measured is None else measured.explanation
    ratios = [measured.agreement, *(each.ratio for each in measured.compared or ())]
    ratio = next((each for each in ratios if each is not None), None)
    if ratio is None:
        return None if sure else "nothing in the log confirms it"
    if abs(ratio - 1) > CONFIRMED:
        return f"another clock of the log says {ratio:.3g} times as much"
    return None


def _described(path: Path, log: LogFormat, work: KnownWork) -> Proposal:
    ends, end, step = [], 0, 1
    for sample in _samples(path, log):
        ends.append(sample.ended_at)
        end, step = max(end, sample.last), sample.count
    where = fitting_window(max(end, 1), step)
    measured = _measured(path, log, work, where) if log.every is None else None  # a stand-in
    told, stated = measured and measured.work_per_iteration, work.per_iteration
    differ = told and stated and abs(told / stated - 1) > CONFIRMED
    return Proposal(
        log=log,
        unit=work.unit,
        lines=len(ends),
        first=_line_at(path, ends[0]) if ends else "",
        last=_line_at(path, ends[-1]) if ends else "",
        end=end,
        window=where,
        measured=measured,
        differs=(told, stated) if differ and told and stated else None,
    )


def _samples(path: Path, log: LogFormat) -> Iterator[IterationSample]:
    try:
        yield from parse_samples(read_blocks(path), log, 1)
    except MrbenchError:
        return


def _measured(path: Path, log: LogFormat, work: KnownWork, window: Window) -> Measurement | None:
    try:
        return parse_log(
            path,
            recipes={"log": KnownLog(log, work.per_iteration, work.unit)},
            implementation="log",
            window=window,
            unit=work.unit,
        ).measurement
    except MrbenchError:
        return None


def _line_at(path: Path, offset: int) -> str:
    """Return the line that a mark ends in: offset is just behind the mark."""
    begin = max(0, offset - LINE_BYTES)
    raw = blank_colours(read_range(path, begin, offset + LINE_BYTES)).replace(b"\r", b"\n")
    at = offset - begin - 1  # a mark may end with its line's end
    left = raw.rfind(b"\n", 0, at) + 1
    right = raw.find(b"\n", at)
    return raw[left : right if right >= 0 else len(raw)].decode("utf-8", "replace").strip()


def _format(kindred: Kindred, value: Column | None, timing: Timing | None) -> LogFormat:
    """Return the pattern of a kind of line; without a value, the arrival of its lines counts."""
    groups = {kindred.iteration.position: "iteration"}
    if any(step < 0 for step in kindred.iteration.steps):
        groups |= _epochs(kindred)
    loss = next((c for c in kindred.columns if c.stated == "loss"), None)
    if loss is not None:
        groups[loss.position] = "loss"
    if value is not None:
        groups[value.position] = "value"
    chosen = [column for column in kindred.columns if column.position in groups]
    return LogFormat(
        pattern=_pattern(kindred, chosen, groups),
        timing=timing,
        unit=value.unit if value else None,  # type: ignore[arg-type]  # ms or us
        counts_from=_counts_from(kindred),
        clock="log" if value else "arrival",
    )


def _epochs(kindred: Kindred) -> dict[int, str]:
    """Return the groups of an epoch's number and length, where the iterations fall back in each."""
    counter = kindred.iteration
    falls = [i for i, step in enumerate(counter.steps) if step < 0]
    for column in kindred.columns:
        rises = [i for i, step in enumerate(column.steps) if step]
        named = column.stated == "epoch" or (not column.stated and max(column.steps) == 1)
        if named and column.whole and rises == falls:
            groups = {column.position: "epoch"}
            length = [c for c in kindred.columns if c.position == counter.position + 1]
            if length and length[0].before.strip() == "/" and len(set(length[0].texts)) == 1:
                groups[length[0].position] = "per_epoch"
            return groups
    return {}


def _counts_from(kindred: Kindred) -> int:
    """Return the number of the first iteration: 0 where lines come at 0, 20, 40 or at 19, 39."""
    first, step = int(kindred.iteration.values[0]), kindred.step
    return 0 if first == 0 or (step > 1 and first % step == step - 1) else 1


def _pattern(kindred: Kindred, chosen: Sequence[Column], groups: dict[int, str]) -> str:
    """Return an expression with a group for each column, and little around them."""
    parts: list[str] = []
    at = -1
    for column in chosen:
        adjacent = column.position == at + 1
        lead = column.before if adjacent and parts else _last_words(column.before)
        if not parts and not lead.strip():  # nothing but its place tells that number apart
            parts.append(
                "^" + ANY_FIGURE.join(map(_literal, kindred.begins[: column.position + 1]))
            )
        elif adjacent or not parts:
            parts.append(_literal(lead))
        else:
            parts.append(f".*?{_literal(lead.lstrip())}")
        at = column.position
        parts.append(f"(?P<{groups[at]}>{_number(column, groups[at])})")
        unit = re.match(r"\s?\S{1,12}", column.behind)
        if unit and groups[at] == "value" and at + 1 not in groups:  # so that no cut line counts
            parts.append(_literal(unit[0]))
    return "".join(parts)


def _number(column: Column, group: str) -> str:
    if group == "loss":
        return LOSS
    plain = DIGITS if column.whole and group != "value" else PLAIN
    return plain if all(re.fullmatch(plain, text) for text in column.texts) else ANY_NUMBER


def _last_words(text: str) -> str:
    """Return the end of a literal text from its last word on; all of it where there is none."""
    words = re.search(r"[A-Za-z_][\w/ ()]*\W*$", text)
    return words[0] if words else text


def _literal(text: str) -> str:
    """Return an expression of a literal text, in which any number of blanks counts as one."""
    escaped = re.sub(r"[][\\.^$*+?{}|()]", r"\\\g<0>", text)
    parts = re.split(r"(\s+)", escaped)
    return "".join(_blank(parts, i) if i % 2 else part for i, part in enumerate(parts))


def _blank(parts: Sequence[str], index: int) -> str:
    """Return an expression of blanks: beside a number there may be any, between words some."""
    blank = r"\s" if "\t" in parts[index] else " "
    if not parts[index - 1] or not parts[index + 1]:
        return f"{blank}*"
    return blank if len(parts[index]) == 1 else f"{blank}+"
