"""Which rows of a table may be compared: decided here alone, by the rules of `mrbench compare`."""

from collections.abc import Sequence

from msgspec.structs import replace

from mrbench.model.table import TableRow
from mrbench.record.provenance import BETWEEN, Facts, forbidding
from mrbench.text import shorten

LONGEST = 24  # characters of a value in a reason
# Begin the facts that two implementations need not share.
OF_ONE = (*BETWEEN, "plan.implementation")


def why_not(one: Facts, other: Facts) -> str:
    """Say why the numbers of two runs may not be compared, or nothing; by their facts, or terms."""
    found = forbidding(one, other)
    if not found:
        return ""
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.reason} ({shorten(first.a, LONGEST)} / {shorten(first.b, LONGEST)}){more}"


def with_groups(rows: Sequence[TableRow], terms: Sequence[Facts]) -> list[TableRow]:
    """Return the rows with comparison_group and comparison_reason; terms: of each row.

    Of one group, any two may be compared. Each row, in the order given, joins the first group that
    has it, so that the first row's group is 1.
    """
    groups: dict[object, list[_Group]] = {}
    numbered: list[_Group] = []
    grouped = []
    for row, own in zip(rows, terms, strict=True):
        shared = tuple(item for item in own.items() if not item[0].startswith(OF_ONE))
        alike = groups.setdefault(shared, [])
        group = next((g for g in alike if g.takes(row.implementation, own)), None)
        if group is None:
            group = _Group(len(numbered) + 1)
            numbered.append(group)
            alike.append(group)
        group.add(row.implementation, own)
        reason = "" if group.number == 1 else numbered[0].refuses(own)
        changed = replace(row, comparison_group=group.number, comparison_reason=reason)
        grouped.append(changed)
    return grouped


class _Group:
    """Rows any two of which may be compared, by their terms."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._members: dict[str, list[Facts]] = {}

    def takes(self, implementation: str, terms: Facts) -> bool:
        """Tell whether a row that shares what all must share may be compared with each member.

        Those of other implementations, which may differ in the rest, allow it.
        """
        return not any(forbidding(terms, own) for own in self._members.get(implementation, ()))

    def add(self, implementation: str, terms: Facts) -> None:
        """Add a row; one of equal terms stands for it."""
        own = self._members.setdefault(implementation, [])
        if terms not in own:
            own.append(terms)

    def refuses(self, terms: Facts) -> str:
        """Say why a row may not be compared with the first member that it may not."""
        members = (own for of_name in self._members.values() for own in of_name)
        return next(filter(None, (why_not(terms, own) for own in members)), "")
