"""The columns of numbers in a log of unknown format: which one counts iterations, which one times.

Lines that differ in their numbers alone are one kind of line. A column of such a kind whose numbers
grow by the same step is the iteration; one with a unit of time or of speed is the value.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

Kind = Literal[
    "iteration", "epoch", "loss", "per_iteration", "per_second", "work_rate", "time", "other", ""
]

LEAST_LINES = 3  # of a kind of line: two show no steady step
STEADY = 0.6  # share of the steps that are the usual one, at least
LONGEST_LINE = 1000  # characters; longer lines are data, not progress
# Dates and clock times are no columns: they grow steadily, too.
_TOKEN = re.compile(
    r"(?P<clock>\d{2,4}[-/]\d\d[-/]\d\d(?!\d)|\d+:\d\d(?::\d\d)?(?:[.,]\d+)?)"
    r"|(?P<number>(?<![\d.])(?:(?<![\w.)\]])[-+])?(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)"
    r"(?:\.\d+)?(?:[eE][-+]?\d+)?|\b(?i:nan|inf)\b)"
)
_AROUND = re.compile(r"\s*([\0\1])\s*")
_SECONDS = r"(?:m|u|micro|milli)?s(?:ecs?|econds?)?"
_STEPS = r"(?:iters?|its?|iterations?|steps?|batch(?:es)?)"
# What is counted: whether that is the unit asked for, the reader of the log decides.
_WORK = r"[kKM]?(?:imgs?|images?|ims?|samples?|examples?|pictures?|tok(?:en)?s?|seq(?:uence)?s?)"
_PER = r" ?(?:/|per|_per_) ?"
_NEXT = re.compile(r"\s?[\w /]+[\"']?\s*[:=]")  # the name of the number behind it
# What stands behind a number, and what before it (with its last word), say what it is.
_BEHIND: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("per_iteration", re.compile(rf"\s?{_SECONDS}{_PER}{_STEPS}\b", re.IGNORECASE)),
    ("per_second", re.compile(rf"\s?{_STEPS}{_PER}s(?:ec|econd)?\b", re.IGNORECASE)),
    ("work_rate", re.compile(rf"\s?{_WORK}{_PER}s(?:ec|econd)?\b", re.IGNORECASE)),
    ("other", re.compile(r"\s?\w+ ?/ ?s(?:ec|econd)?\b")),  # bytes
    ("time", re.compile(r"\s?(?:ms|us|s|secs?|seconds?|msecs?)(?![\w/])")),
)
_BEFORE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "other",
        re.compile(
            r"(?:\b|_)(?:eta|remain\w*|left|data\w*|load\w*|wait\w*|lr|mem\w*|tokens?|samples?|"
            r"images?|seen|bytes|flops?)(?!\w*(?: ?/ ?|_per_)s)(?:\b|_)",
            re.IGNORECASE,
        ),
    ),
    ("epoch", re.compile(r"epoch\W*$", re.IGNORECASE)),
    ("loss", re.compile(r"(?:loss|\bnll)\W*$", re.IGNORECASE)),
    ("per_second", re.compile(rf"\b{_STEPS}{_PER}s(?:ec|econd)?\W*$", re.IGNORECASE)),
    ("work_rate", re.compile(rf"(?:\b|_){_WORK}{_PER}s(?:ec|econd)?\W*$", re.IGNORECASE)),
    (
        "per_iteration",
        re.compile(rf"(?:\b{_SECONDS}|time){_PER}{_STEPS}\b(?: \(\w+\))?\W*$", re.IGNORECASE),
    ),
    ("iteration", re.compile(rf"(?:\b|_){_STEPS}\W*$", re.IGNORECASE)),
    (
        "time",
        re.compile(
            r"(?:\b|_)(?<!/)(?<!/ )(?<!per[ _])(?:time|dt|elapsed|took|duration|secs?|seconds?)"
            r"(?:_(?:ms|us|s))?(?: ?\(\w+\))?\W*$",
            re.IGNORECASE,
        ),
    ),
)
_MILLI_OR_MICRO = re.compile(r"\s?(?P<unit>ms|millis|us|micros)")
# `(ms)`, `step_ms`, `ms per step`: a word of its own in a number's name
_NAMED_UNIT = re.compile(
    r"(?<![A-Za-z])(?P<unit>ms(?:ecs?)?|millisec\w*|us(?:ecs?)?|microsec\w*)(?![A-Za-z])"
)
_LABEL = re.compile(r"(?:.*[,|;\]]|.*\s{2})?(.*)", re.DOTALL)


class Column(msgspec.Struct, frozen=True):
    """One number of a kind of line. texts: as printed, line by line.

    before and behind: the literal texts around it, up to the numbers beside it. stated: what those
    texts say that it is. whole: whether all its texts are whole numbers.
    """

    position: int
    texts: tuple[str, ...]
    before: str
    behind: str
    stated: Kind
    whole: bool

    @property
    def values(self) -> list[float]:
        """Return the numbers."""
        return [float(text.replace(",", "")) for text in self.texts]

    @property
    def steps(self) -> list[float]:
        """Return how much each number is above the one before."""
        return [b - a for a, b in pairwise(self.values)]

    @property
    def grows(self) -> bool:
        """Tell whether the numbers rise from line to line."""
        return all(step > 0 for step in self.steps)

    @property
    def unit(self) -> str | None:
        """Return `ms` or `us` where the texts around it name that unit of time."""
        if self.stated not in ("time", "per_iteration"):
            return None
        near = _MILLI_OR_MICRO.match(self.behind)
        near = near or _NAMED_UNIT.search(_LABEL.sub(r"\1", self.before, count=1))
        return None if near is None else "ms" if near["unit"][0] == "m" else "us"


class Kindred(msgspec.Struct, frozen=True):
    """A kind of line: its columns, and the one that counts iterations.

    step: iterations from one line to the next. begins: one of its lines up to that column, in parts
    between which its other numbers and clock times stand.
    """

    columns: tuple[Column, ...]
    iteration: Column
    step: int
    lines: int
    begins: tuple[str, ...]


def find(lines: Iterable[str]) -> Kindred | None:
    """Return the kind of line that most likely tells of iterations; None if none does."""
    kinds: dict[str, list[list[re.Match[str]]]] = defaultdict(list)
    total = 0
    for line in filter(str.strip, lines):
        total += 1
        if len(line) <= LONGEST_LINE:
            tokens = list(_TOKEN.finditer(line))
            kinds[_shape(line, tokens)].append(tokens)
    found = [k for rows in kinds.values() if len(rows) >= LEAST_LINES and (k := _kindred(rows))]
    # else it is a table or a listing, not progress
    likely = [kind for kind in found if _is_sure(kind) or kind.lines * 2 >= total]
    return max(likely, key=lambda kind: (_is_sure(kind), kind.lines), default=None)


def _is_sure(kind: Kindred) -> bool:
    """Tell whether the texts around a number of such a line say that it tells of progress."""
    telling = {"iteration", "per_iteration", "per_second", "work_rate", "time", "loss"}
    return any(column.stated in telling for column in kind.columns)


def _shape(line: str, tokens: Sequence[re.Match[str]]) -> str:
    """Return what all lines of a kind have in common: the line with a mark for each number."""
    parts, at = [], 0
    for token in tokens:
        parts += [line[at : token.start()], "\0" if token["clock"] is None else "\1"]
        at = token.end()
    return " ".join(_AROUND.sub(r"\1", "".join([*parts, line[at:]])).split())


def _kindred(rows: list[list[re.Match[str]]]) -> Kindred | None:
    columns = tuple(_columns(rows))
    counters = [(column, step) for column in columns if (step := _steady_step(column))]
    if not counters:
        return None
    column, step = max(
        counters, key=lambda each: (each[0].stated == "iteration", -each[0].position)
    )
    tokens = rows[0][: column.position + 1]
    ends = [0, *(token.end() for token in tokens)]
    begins = tuple(
        token.string[end : token.start()] for end, token in zip(ends, tokens, strict=False)
    )
    return Kindred(columns=columns, iteration=column, step=step, lines=len(rows), begins=begins)


def _columns(rows: list[list[re.Match[str]]]) -> Iterable[Column]:
    for position, tokens in enumerate(zip(*rows, strict=True)):
        first = tokens[0]
        if first["clock"] is not None:
            continue
        line, others = first.string, rows[0]
        left = others[position - 1].end() if position else 0
        right = others[position + 1].start() if position + 1 < len(others) else len(line)
        before, behind = line[left : first.start()], line[first.end() : right]
        texts = tuple(token[0] for token in tokens)
        yield Column(
            position=position,
            texts=texts,
            before=before,
            behind=behind,
            stated=_stated(before, behind),
            whole=all(re.fullmatch(r"\d{1,3}(?:,\d{3})+|\d+", text) for text in texts),
        )


def _stated(before: str, behind: str) -> Kind:
    """Return what the texts around a number say that it is: its unit first, then its name."""
    label = _LABEL.sub(r"\1", before, count=1)
    named: Kind = next((kind for kind, pattern in _BEFORE if pattern.search(label)), "")
    unit = next((kind for kind, pattern in _BEHIND if pattern.match(behind)), None)
    if unit in ("per_second", "work_rate") and _NEXT.match(behind):
        unit = None
    if unit is None or named in ("other", "loss") or (named == "per_iteration" and unit == "time"):
        return named
    return unit


def _steady_step(column: Column) -> int | None:
    """Return the step by which whole numbers grow, if most steps are that one; else None.

    They may fall back where an epoch ends.
    """
    if not column.whole or column.stated not in ("iteration", "") or column.behind[:1] == "%":
        return None
    rises = [step for step in column.steps if step > 0]
    falls = len(column.steps) - len(rises)
    if len(rises) < LEAST_LINES - 1 or falls * 2 > len(rises) or 0 in column.steps:
        return None
    step, count = Counter(rises).most_common(1)[0]
    return int(step) if count >= STEADY * len(rises) else None
