"""Files in which services that draw throughput over time take new runs' numbers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrbench.errors import MrbenchError
from mrbench.files import write_whole
from mrbench.model.finding import Finding


def github_action_benchmark(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what its tool `customBiggerIsBetter` reads; range: half of the 95 % interval."""
    entries = []
    for finding in _measured(findings):
        value, low, high = _interval(finding.figures)
        entry = {"name": finding.subject, "unit": "img/s", "value": value, "extra": finding.text}
        if low is not None and high is not None:
            entry["range"] = f"\u00b1 {max(value - low, high - value):.3g}"
        entries.append(entry)
    return entries


def bencher(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return Bencher Metric Format: each series' throughput, with its 95 % interval."""
    metrics: dict[str, Any] = {}
    for finding in _measured(findings):
        value, low, high = _interval(finding.figures)
        metric = {"value": value, "lower_value": low, "upper_value": high}
        known = {name: number for name, number in metric.items() if number is not None}
        metrics[finding.subject] = {"throughput": known}
    return metrics


FORMATS: Mapping[str, Callable[[Sequence[Finding]], object]] = {
    "github-action-benchmark": github_action_benchmark,
    "bencher": bencher,
}


def export(findings: Sequence[Finding], style: str, path: Path) -> None:
    """Write the numbers of a check in one of FORMATS; MrbenchError where that cannot be."""
    text = json.dumps(FORMATS[style](findings), indent=1, ensure_ascii=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as exc:
        raise MrbenchError(
            f"cannot be written ({exc.strerror})", "choose another file with --export", file=path
        ) from exc


def _measured(findings: Sequence[Finding]) -> Iterator[Finding]:
    return (finding for finding in findings if "images_per_second" in finding.figures)


def _interval(figures: Mapping[str, float]) -> tuple[float, float | None, float | None]:
    """Return images per second with the ends of their interval, where they are known."""
    low, high = (figures.get(f"images_per_second_{end}") for end in ("low", "high"))
    return figures["images_per_second"], low, high
