"""The metrics of a row: those of its valid runs together."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from mrbench.model.metric import Aggregation, Metric

# Of the runs' values: what becomes of them depends on what each is of its window.
TOGETHER: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "last": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
}


def of_runs(runs: Iterable[Mapping[str, Metric]]) -> dict[str, Metric]:
    """Return each metric of runs of one plan: the mean of their values, or the largest, smallest.

    Where one of the runs has no value, there is none, for its reason.
    """
    by_name: dict[str, list[Metric]] = {}
    for run in runs:
        for name, metric in run.items():
            by_name.setdefault(name, []).append(metric)
    return {name: _together(metrics) for name, metrics in by_name.items()}


def _together(metrics: Sequence[Metric]) -> Metric:
    without = next((metric for metric in metrics if metric.value is None), None)
    count = sum(metric.count for metric in metrics)
    if without is not None:
        return replace(without, count=count)
    values = [metric.value for metric in metrics if metric.value is not None]
    value = TOGETHER[metrics[0].aggregation](values)
    return replace(metrics[0], value=value, count=count)
