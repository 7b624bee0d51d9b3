"""The first line above a table, in words: which row is fastest, by how much, and how surely."""

import itertools
from collections.abc import Sequence

from msgspec.structs import replace

from mrbench.model.measurement import Interval
from mrbench.model.table import Lead, TableRow
from mrbench.model.work import rate_name
from mrbench.results.ratios import ratio_of
from mrbench.text import counted, first_few, one_line, shorten

LONGEST = 60  # characters of a name
MOST = 3  # names, pairs or reasons that a sentence lists


def lead(rows: Sequence[TableRow], *, one_model: bool = True) -> str:
    """Return one line of clean text: what the rows establish, and what they do not.

    rows: those of one table, in any order. one_model: as the suite says; where each implementation
    trains a model of its own, several have no order. A ratio of two rows has a 95 % interval
    (Welch's) where both have two runs or more; without one, or where it contains 1, the order is
    not established.
    """
    valid = _by_speed(rows)
    if not valid:
        return "No row has a valid number; the reasons stand below."
    if _without_order(valid, one_model=one_model):
        return one_line(
            "Each implementation trains a model of its own, so that its number is compared with no"
            f" other's: {counted(len(valid), 'row')} with a valid number."
        )
    return _text(rows, valid, _leading(valid))


def with_lead(rows: Sequence[TableRow], *, one_model: bool = True) -> list[TableRow]:
    """Return the rows of one table, of which the one with the highest number has its lead.

    one_model: as for `lead`; several implementations without an order have none.
    """
    valid = _by_speed(rows)
    if not valid or _without_order(valid, one_model=one_model):
        return list(rows)
    found = _leading(valid)
    found = replace(found, text=_text(rows, valid, found))
    return [replace(row, lead=found if row is valid[0] else None) for row in rows]


def _without_order(valid: Sequence[TableRow], *, one_model: bool) -> bool:
    return not one_model and len({row.implementation for row in valid}) > 1


def _by_speed(rows: Sequence[TableRow]) -> list[TableRow]:
    valid = [row for row in rows if row.throughput is not None]
    return sorted(valid, key=lambda row: -(row.throughput or 0))


def _leading(valid: Sequence[TableRow]) -> Lead:
    """Return by how much the first leads, its text still empty; valid: the fastest first."""
    first = valid[0]
    second = next((r for r in valid[1:] if r.comparison_group == first.comparison_group), None)
    if second is None:
        why = "it is the only row" if len(valid) == 1 else "no other row may be compared with it"
        return Lead(fastest=first.name, established=False, reason=why, text="")
    found = ratio_of(first, second)
    why = ""
    if first.aggregation or second.aggregation:
        why = "their numbers are no means, so that nothing tells how sure they are"
    elif found.low is None:
        single = [row.name for row in (first, second) if row.repeats == 1]
        why = f"{' and '.join(single)} {'are single runs' if single[1:] else 'is a single run'}"
    elif found.low <= 1:
        why = "the interval contains 1"
    return Lead(
        fastest=first.name,
        second=second.name,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        established=not why,
        reason=why,
        text="",
    )


def _text(rows: Sequence[TableRow], valid: Sequence[TableRow], found: Lead) -> str:
    sentences = [_fastest(valid[0], found, alone=len(valid) == 1)]
    groups: dict[int, list[TableRow]] = {}
    for row in valid:
        groups.setdefault(row.comparison_group, []).append(row)
    sentences += _not_established([group for group in groups.values() if len(group) > 1])
    others = [row for row in valid if row.comparison_group != valid[0].comparison_group]
    if others:
        sentences.append(_may_not(others, valid[0]))
    out = len(rows) - len(valid)
    if out:
        has = "has" if out == 1 else "have"
        sentences.append(f"{counted(out, 'row')} {has} no valid number.")
    return one_line(" ".join(sentences))


def _fastest(first: TableRow, found: Lead, *, alone: bool) -> str:
    name, second = _name(first), shorten(found.second or "", LONGEST)
    if found.ratio is None:
        only = "is the only row" if alone else "has the highest number"
        text = f"{name} {only}: {_rate(first)}"
        more = "one run, which says nothing about the next" if first.repeats == 1 else ""
        return f"{text} ({more})." if more else f"{text}, {first.repeats} runs."
    if found.low is None or found.high is None:
        return (
            f"{name} has the highest number: {_rate(first)}, {found.ratio:.3g} times that of"
            f" {second}."
        )
    ratio = Interval(throughput=found.ratio, low=found.low, high=found.high)
    if found.established:
        return (
            f"{name} is fastest: {_rate(first)}, {ratio.point} times as fast as {second} (95 %"
            f" interval {ratio.ends})."
        )
    return (
        f"Whether {name} or {second} is fastest is not established: {_rate(first)}, {ratio.point}"
        f" times as fast (95 % interval {ratio.ends})."
    )


def _not_established(groups: Sequence[Sequence[TableRow]]) -> list[str]:
    """Say of neighbours in speed, in groups that may be compared, whose order is not known."""
    compared = [row for group in groups for row in group]
    if not compared:
        return []
    if all(row.repeats == 1 for row in compared):
        return ["One run each: the order of neighbours is not established."]
    single = [_name(row) for row in compared if row.repeats == 1]
    alike = [
        f"{_name(faster)} and {_name(slower)}"
        for group in groups
        for faster, slower in itertools.pairwise(group)
        if min(faster.repeats, slower.repeats) > 1 and not _apart(faster, slower)
    ]
    sentences = []
    if single:
        what = "is a single run" if len(single) == 1 else "are single runs"
        its = "its" if len(single) == 1 else "their"
        sentences.append(f"{first_few(single, MOST)} {what}: {its} place is not established.")
    if alike:
        sentences.append(f"Not established: the order of {first_few(alike, MOST)}.")
    return sentences


def _apart(faster: TableRow, slower: TableRow) -> bool:
    """Tell whether the 95 % interval of two rows' ratio, each of several runs, excludes 1."""
    low, high = faster.low_throughput, slower.high_throughput
    if low is not None and high is not None and low > high:
        return True  # as Cochran and Cox have it, where Welch's t is no larger: spares the ratio
    found = ratio_of(faster, slower).low
    return found is not None and found > 1


def _may_not(others: Sequence[TableRow], first: TableRow) -> str:
    """Say which rows are of other groups, and why, where the first is of the one that says it."""
    apart = points_apart(others, first)
    if apart:
        which = "row differs" if len(others) == 1 else f"{len(others)} rows differ"
        where = f"in {' and '.join(apart)}, and so in the work of an iteration"
        return f"The other {which} from it {where}."
    text = f"{counted(len(others), 'row')} may not be compared with {_name(first)}"
    reasons = list(dict.fromkeys(row.comparison_reason for row in others if row.comparison_reason))
    if first.comparison_reason or not reasons:
        return f"{text}; `mrbench compare` says why."
    return f"{text}: {'; '.join(reasons[:MOST])}{'; and others' * (len(reasons) > MOST)}."


def points_apart(others: Sequence[TableRow], first: TableRow) -> list[str]:
    """Return the parameters in which rows differ that are points of one grid; else nothing."""
    grid = (first.implementation, first.commit, first.window, first.parameters.keys())
    if any((r.implementation, r.commit, r.window, r.parameters.keys()) != grid for r in others):
        return []
    return [
        name
        for name, own in first.parameters.items()
        if any(row.parameters[name].value != own.value for row in others)
    ]


def _name(row: TableRow) -> str:
    return shorten(row.name, LONGEST)


def _rate(row: TableRow) -> str:
    rate, low, high = row.throughput, row.low_throughput, row.high_throughput
    if rate is None or low is None or high is None:
        return f"{rate or 0:.2f} {rate_name(row.unit)}"
    return f"{Interval(throughput=rate, low=low, high=high)} {rate_name(row.unit)}"
