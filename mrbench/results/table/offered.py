"""All columns that rows may have, with their recipes' parameters and metrics; which are shown."""

from collections.abc import Callable, Mapping, Sequence

from mrbench.model.parameters import PlannedParameter
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.model.work import one_of, rate_name
from mrbench.results import aggregation, pareto
from mrbench.results.table.columns import COLUMNS, INTERVAL, ONLY_P95, Column, known, value
from mrbench.text import fill_placeholders, four_digits, one_line

OF_LEDGER = "n: valid runs that are shown, of all runs of their plan by the ledger."
NO_LEDGER = "of ?: how many runs there were is not known, for their ledger is not here."
METRIC = "metrics."  # begins a metric's key, and its column's name where a column has that
PARAMETERS = "parameters."  # the same of a parameter
OWN = (METRIC, PARAMETERS)  # what the keys of columns begin with that recipes bring
BEHIND = "process_memory"  # stand the columns of metrics


def columns_of(rows: Sequence[TableRow]) -> dict[str, Column]:
    """Return the columns that these rows may have, by name, in their order."""
    offered = {}
    for name, column in COLUMNS.items():
        offered[name] = column
        if name == "implementation":
            offered |= _parameters(rows)
        if name == BEHIND:
            for metric in dict.fromkeys(metric for row in rows for metric in row.metrics):
                taken = metric in COLUMNS or metric in offered
                offered[f"{METRIC}{metric}" if taken else metric] = _metric(metric, rows)
    return offered


def _parameters(rows: Sequence[TableRow]) -> Mapping[str, Column]:
    """Return the parameters' columns by name; where another has that, as `parameters.NAME`."""
    named = {name: parameter for row in rows for name, parameter in row.parameters.items()}
    return {
        f"{PARAMETERS}{name}" if name in COLUMNS else name: _parameter(name, parameter, rows)
        for name, parameter in named.items()
    }


def _parameter(name: str, parameter: PlannedParameter, rows: Sequence[TableRow]) -> Column:
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
        meaning=f"{name}: {_legend(parameter)}",
    )


def _differs(there: Sequence[object], default: object) -> bool:
    """Tell whether rows differ; one without the parameter has what is the others' default."""
    return len({default if content is None else content for content in there}) > 1


def _legend(parameter: PlannedParameter) -> str:
    """Return what a parameter changes, its unit and its default, in a sentence or two."""
    text = parameter.description.rstrip(". ")
    told = f"{text}. " if text else ""
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{told}By default {parameter.default}{unit}."


def units_of(key: str, rows: Sequence[TableRow]) -> set[tuple[str, str]]:
    """Return the units of a metric's values, by its key, and what each is of its window."""
    name = key.removeprefix(METRIC)
    found = [row.metrics[name] for row in rows if name in row.metrics]
    return {(metric.unit, metric.aggregation) for metric in found}


def _metric(name: str, rows: Sequence[TableRow]) -> Column:
    """Return the column of a metric; where its rows differ in the unit, each cell has its own."""
    units = units_of(name, rows)
    alike = len(units) == 1
    unit, aggregation = next(iter(units))
    described = [
        f"{text.rstrip('. ')}."
        for row in rows
        if name in row.metrics and (text := row.metrics[name].description)
    ]
    what = f"{aggregation} over the window" if alike else "over the window, as each recipe says"
    sentences = [f"{name}: {what}, as the log prints it.", *dict.fromkeys(described)]
    sentences += [
        f"{row.name} has no {name}: {row.metrics[name].reason}."
        for row in rows
        if name in row.metrics and row.metrics[name].value is None
    ]
    return Column(
        one_line(f"{name} ({unit})" if alike and unit else name),
        _cell(name, alone=alike),
        (METRIC + name,),
        right=True,
        meaning=one_line(" ".join(sentences)),
    )


def _cell(name: str, *, alone: bool) -> Callable[[Suite, TableRow], str]:
    def cell(_: Suite, row: TableRow) -> str:
        metric = row.metrics.get(name)
        if metric is None or metric.value is None:
            return "-"
        return four_digits(metric.value) if alone else f"{metric.aggregation} {metric.shown}"

    return cell


def shown_by_default(suite: Suite, rows: Sequence[TableRow]) -> list[str]:
    """Return the names of the columns that these rows have something to say in."""
    left_out = set() if suite.references else {"published", "ratio"}
    if not any(row.scaling_efficiency for row in rows):
        left_out.add("scaling")
    if not any(row.relative_to for row in rows):
        left_out.add("relative")
    if any(row.mfu_printed is not None for row in rows):
        left_out.add(METRIC + "mfu")  # stands beside ours
    left_out |= {
        name
        for name in ("by_rule", "energy", "mfu", "allocated", "gpu_memory")
        if not known(COLUMNS[name], rows)
    }
    return [name for name, c in columns_of(rows).items() if c.default and name not in left_out]


def _why(row: TableRow) -> str:
    """Return why a row has no MFU, and why its log has another; nothing where there is nothing."""
    none = f"{row.name} has no MFU: {row.mfu_reason}." if row.mfu_reason else ""
    other = f"MFU in the log of {row.name}: {row.mfu_difference}." if row.mfu_difference else ""
    return one_line(f"{none} {other}")


def _only_p95(column: Column, row: TableRow) -> bool:
    peak, p95 = (value(row, key) for key in column.keys)
    return peak is None and p95 is not None


def header(column: Column, rows: Sequence[TableRow]) -> str:
    """Return a column's header, with the unit of these rows."""
    return column.header if _is_own(column) else _in_unit(column.header, rows)


def _in_unit(text: str, rows: Sequence[TableRow]) -> str:
    """Return a header or a meaning of COLUMNS with the unit of these rows."""
    unit = rows[0].unit if rows else "images"
    words = {"unit": unit, "one": one_of(unit), "rate": rate_name(unit)}
    return fill_placeholders(text, words)


def meanings(names: Sequence[str], rows: Sequence[TableRow]) -> list[str]:
    """Return what must be known to read these columns, one sentence or two each."""
    sentences = []
    offered = columns_of(rows)
    for name in names:
        column = offered[name]
        if name in ("throughput", "per_gpu") and any(r.low_throughput for r in rows):
            sentences.append(INTERVAL)
        sentences += _of_runs(name, rows)
        if name == "implementation" and (front := pareto.meaning(rows)):
            sentences.append(one_line(front))
        if _is_own(column):
            sentences.append(column.meaning)
        elif column.meaning and known(column, rows):
            sentences.append(_in_unit(column.meaning, rows))
        if name in ("gpu_memory", "process_memory") and any(_only_p95(column, r) for r in rows):
            sentences.append(ONLY_P95)
        if name == "mfu":
            sentences += [_why(row) for row in rows if _why(row)]
        if name == "relative" and any(row.relative_to for row in rows):
            base = next(row.relative_to for row in rows if row.relative_to)
            sentences.append(
                f"Relative: {rows[0].unit} per second by those of {base}, where `mrbench compare`"
                " finds that the runs may be compared; with a 95 % interval where both rows have"
                " two runs or more, or --baseline tells the noise of a single one."
            )
    return list(dict.fromkeys(sentences))


def _of_runs(name: str, rows: Sequence[TableRow]) -> list[str]:
    """Say how a number is made of its runs, and of how many."""
    if name == "throughput":
        return [way] if (way := aggregation.meaning(rows)) else []
    if name != "n":
        return []
    known = [OF_LEDGER] * any(row.ledger_runs is not None for row in rows)
    return known + [NO_LEDGER] * any(row.ledger_missing for row in rows)


def _is_own(column: Column) -> bool:
    return column.keys[0].startswith(OWN)
