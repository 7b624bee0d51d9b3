"""The columns of parameters: one for each that rows have, shown where they differ in it."""

from collections.abc import Mapping, Sequence

from mrbench.model.parameters import PlannedParameter
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.results.table.columns import Column, value

PARAMETERS = "parameters."  # begins a parameter's key, and its column's name where that is taken


def columns(rows: Sequence[TableRow], taken: Mapping[str, Column]) -> dict[str, Column]:
    """Return the columns by name; where that is another column's, as `parameters.NAME`."""
    named = {name: parameter for row in rows for name, parameter in row.parameters.items()}
    return {
        f"{PARAMETERS}{name}" if name in taken else name: _column(name, parameter, rows)
        for name, parameter in named.items()
    }


def _column(name: str, parameter: PlannedParameter, rows: Sequence[TableRow]) -> Column:
    key = f"{PARAMETERS}{name}"
    there = [value(row, key) for row in rows]

    def cell(_: Suite, row: TableRow) -> str:
        content = value(row, key)
        return "-" if content is None else str(content)

    return Column(
        f"{name} ({parameter.unit})" if parameter.unit else name,
        cell,
        (key,),
        right=not any(isinstance(content, str) for content in there),
        default=_differs(there, parameter.default),
        meaning=f"{name}: {legend(parameter)}",
    )


def _differs(there: Sequence[object], default: object) -> bool:
    """Tell whether rows differ; one without the parameter has what is the others' default."""
    return len({default if content is None else content for content in there}) > 1


def legend(parameter: PlannedParameter) -> str:
    """Return what a parameter changes, its unit and its default, in a sentence or two."""
    text = parameter.description.rstrip(". ")
    told = f"{text}. " if text else ""
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{told}By default {parameter.default}{unit}."
