"""Files in which services that draw throughput over time take new runs' numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mrbench.files import refusal, write_whole
from mrbench.model.finding import Finding
from mrbench.model.work import rate_name


class BenchmarkEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of github-action-benchmark's `customBiggerIsBetter`; range: half of the interval."""

    name: str
    unit: str
    value: float
    extra: str
    range: str | None = None


class Metric(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number of Bencher Metric Format, with its 95 % interval."""

    value: float
    lower_value: float | None = None
    upper_value: float | None = None


def github_action_benchmark(findings: Sequence[Finding]) -> list[BenchmarkEntry]:
    """Return what its tool `customBiggerIsBetter` reads."""
    return [
        BenchmarkEntry(
            name=finding.subject,
            unit=rate_name(finding.unit or "images"),
            value=metric.value,
            extra=finding.text,
            range=_half_width(metric),
        )
        for finding, metric in _measured(findings)
    ]


def bencher(findings: Sequence[Finding]) -> dict[str, dict[str, Metric]]:
    """Return Bencher Metric Format: each series' throughput."""
    return {finding.subject: {"throughput": metric} for finding, metric in _measured(findings)}


FORMATS: Mapping[str, Callable[[Sequence[Finding]], object]] = {
    "github-action-benchmark": github_action_benchmark,
    "bencher": bencher,
}


def export(findings: Sequence[Finding], style: str, path: Path) -> None:
    """Write the numbers of a check in one of FORMATS; MrbenchError where that cannot be."""
    content = msgspec.json.format(msgspec.json.encode(FORMATS[style](findings)), indent=1)
    with refusal("written", path, "choose another file with --export"):
        write_whole(path, content + b"\n")


def _measured(findings: Sequence[Finding]) -> Iterator[tuple[Finding, Metric]]:
    """Yield the findings that have a number, each with that."""
    for finding in findings:
        figures = finding.figures
        if "throughput" in figures:
            low, high = (figures.get(f"throughput_{end}") for end in ("low", "high"))
            value = figures["throughput"]
            yield finding, Metric(value=value, lower_value=low, upper_value=high)


def _half_width(metric: Metric) -> str | None:
    low, high = metric.lower_value, metric.upper_value
    if low is None or high is None:
        return None
    return f"\u00b1 {max(metric.value - low, high - metric.value):.3g}"
