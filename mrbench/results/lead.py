"""The first line above a table, in words: which row is fastest, by how much, and how surely."""

import itertools
from collections.abc import Sequence

from mrbench.model.run import Interval
from mrbench.model.table import TableRow
from mrbench.results.rows import ratio_of
from mrbench.text import one_line, shorten

LONGEST = 60  # characters of a name
MOST = 3  # names or pairs that a sentence lists
APART = "another number or kind of devices, another window, precision or data set"


def lead(rows: Sequence[TableRow]) -> str:
    """Return one line of clean text: what the rows establish, and what they do not.

    rows: those of one table, in any order. A ratio of two rows has a 95 % interval (Welch's) where
    both have two runs or more; without one, or where it contains 1, the order is not established.
    """
    valid = [row for row in rows if row.images_per_second is not None]
    if not valid:
        return "No row has a valid number; the reasons stand below."
    valid.sort(key=lambda row: -(row.images_per_second or 0))
    sentences = [_fastest(valid[0], valid)]
    groups: dict[int, list[TableRow]] = {}
    for row in valid:
        groups.setdefault(row.comparison_group, []).append(row)
    sentences += _not_established([group for group in groups.values() if len(group) > 1])
    if len(valid) > 1 and len(groups) > 1:
        fits = len(groups[valid[0].comparison_group])
        others = len(valid) - fits
        sentences.append(f"{_may_not(others)} with {_name(valid[0])}: {APART}.")
    out = len(rows) - len(valid)
    if out:
        has = "has" if out == 1 else "have"
        sentences.append(f"{_counted(out)} {has} no valid number.")
    return one_line(" ".join(sentences))


def _fastest(first: TableRow, valid: Sequence[TableRow]) -> str:
    rivals = [r for r in valid if r.comparison_group == first.comparison_group and r is not first]
    if not rivals:
        only = "is the only row" if len(valid) == 1 else "has the highest number"
        text = f"{_name(first)} {only}: {_rate(first)}"
        more = "one run, which says nothing about the next" if first.repeats == 1 else ""
        return f"{text} ({more})." if more else f"{text}, {first.repeats} runs."
    second = rivals[0]
    found = ratio_of(first, second)
    if found.low is None or found.high is None:
        return (
            f"{_name(first)} has the highest number: {_rate(first)},"
            f" {found.ratio:.3g} times that of {_name(second)}."
        )
    ratio = Interval(images_per_second=found.ratio, low=found.low, high=found.high)
    if found.low > 1:
        return (
            f"{_name(first)} is fastest: {_rate(first)}, {ratio.point} times as fast as"
            f" {_name(second)} (95 % interval {ratio.ends})."
        )
    return (
        f"Whether {_name(first)} or {_name(second)} is fastest is not established:"
        f" {_rate(first)}, {ratio.point} times as fast (95 % interval {ratio.ends})."
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
        sentences.append(f"{_listed(single)} {what}: {its} place is not established.")
    if alike:
        sentences.append(f"Not established: the order of {_listed(alike)}.")
    return sentences


def _apart(faster: TableRow, slower: TableRow) -> bool:
    """Tell whether the 95 % interval of two rows' ratio, each of several runs, excludes 1."""
    low, high = faster.low_images_per_second, slower.high_images_per_second
    if low is not None and high is not None and low > high:
        return True  # as Cochran and Cox have it, where Welch's t is no larger: spares the ratio
    found = ratio_of(faster, slower).low
    return found is not None and found > 1


def _may_not(count: int) -> str:
    return f"{_counted(count)} may not be compared"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST])
    return f"{shown} and {len(names) - MOST} more" if len(names) > MOST else shown


def _counted(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _name(row: TableRow) -> str:
    return shorten(row.name, LONGEST)


def _rate(row: TableRow) -> str:
    rate, low, high = row.images_per_second, row.low_images_per_second, row.high_images_per_second
    if rate is None or low is None or high is None:
        return f"{rate or 0:.2f} img/s"
    return f"{Interval(images_per_second=rate, low=low, high=high)} img/s"
