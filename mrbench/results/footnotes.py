"""What to know of rows: what suite or command line changed in them, and what is not equal."""

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from mrbench.errors import MrbenchError
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.suite import Disparity
from mrbench.model.table import TableRow
from mrbench.recipe.load import load_named


def of_plan(plan: Plan) -> str:
    """Return what a reader of that plan's number must know, or an empty text."""
    return " ".join(filter(None, (of_suite(plan), *of_choices(plan))))


def of_choices(plan: Plan) -> Iterator[str]:
    """Yield a sentence or two on what the command line put in another thing's place."""
    drawn = plan.data.synthetic if plan.data and "data" in plan.parameters else None
    if drawn:
        yield f"Trained on {drawn.images:,} images that mrbench drew like COCO's, not on COCO."
    if "weights" in plan.parameters:
        start = plan.starts_from.rstrip(".")
        yield f"{start[:1].upper()}{start[1:]}. An untrained network proposes other regions."


def of_suite(plan: Plan) -> str:
    """Return what the suite changed in the implementation, or an empty text."""
    adaptation = plan.adaptation
    if not adaptation:
        return ""
    parts = [adaptation.reason.strip().rstrip(".") + "."]
    if adaptation.patches:
        parts.append(f"Patch: {', '.join(adaptation.patches)}.")
    stand_ins = [f"{name} ({what})" for name, what in adaptation.stand_ins.items()]
    parts.append(f"Not upstream's: {', '.join(stand_ins)}." if stand_ins else "No stand-ins.")
    return " ".join(parts)


def own_environment(record: RunRecord) -> str:
    """Say what trained in place of the recipe's environment, or nothing."""
    environment = record.environment
    if not record.plan.own_environment or environment is None:
        return ""
    told = f": {environment.lock_difference}" if environment.lock_difference else ""
    return f"{'The image' if environment.image else 'The machine'}'s own packages{told}."


def number(rows: Iterable[TableRow]) -> list[TableRow]:
    """Give each row's footnote its number, in the order of the rows; equal texts share one."""
    numbers: dict[str, int] = {}
    return [
        msgspec.structs.replace(
            row, footnote_number=numbers.setdefault(row.footnote, len(numbers) + 1)
        )
        if row.footnote
        else row
        for row in rows
    ]


def texts(rows: Sequence[TableRow]) -> list[str]:
    """Return the footnotes below a table, each with its number and the rows it belongs to."""
    names: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        if row.footnote_number:
            names.setdefault((row.footnote_number, row.footnote), []).append(row.implementation)
    return [
        f"[{number}] {', '.join(dict.fromkeys(rows_of))}: {text}"
        for (number, text), rows_of in sorted(names.items())
    ]


def licences(rows: Sequence[TableRow]) -> str:
    """Return whose licence is which, of all rows that know it, or an empty text.

    Of older runs, whose records do not say it, it is what the recipes of now say.
    """
    texts = []
    for old in (False, True):
        titles: dict[str, list[str]] = {}
        for row in rows:
            if row.licence and row.licence_of_now == old:
                titles.setdefault(row.licence, []).append(row.title)
        of_each = [f"{name} ({', '.join(dict.fromkeys(of))})" for name, of in titles.items()]
        start = "By today's recipes, since older records do not say: " if old else ""
        texts += [f"{start}{', '.join(of_each)}"] if of_each else []
    return f"Licences of what was trained: {'. '.join(texts)}." if texts else ""


@functools.cache
def licence_of_now(suite: str, implementation: str) -> str | None:
    """Return which licence the carried recipe of that name states, if there is one that does."""
    try:
        return load_named(suite, implementation, locked=False).recipe.licence or None
    except MrbenchError:
        return None


def between(
    disparities: Iterable[Disparity], implementations: Collection[str]
) -> tuple[Disparity, ...]:
    """Return what is not equal among implementations: what some of them do, and others do not."""
    shown = set(implementations)
    return tuple(each for each in disparities if shown & {*each.of} and shown - {*each.of})


def unequal(disparities: Iterable[Disparity], implementations: Collection[str]) -> list[str]:
    """Return a line for each that is not equal among implementations, the effect first."""
    lines = []
    for each in between(disparities, implementations):
        names = ", ".join(name for name in each.of if name in implementations)
        effect = "effect unclear" if each.pushes == "unclear" else each.pushes
        why = f" ({each.why.rstrip('.')})" if each.why else ""
        lines.append(f"{names}, {effect}: {each.what}: {each.how.rstrip('.')}{why}.")
    return lines
