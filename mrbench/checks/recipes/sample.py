"""A recipe's log sample: read as a run's log is, it must give the number that is noted."""

import math
from collections.abc import Iterator
from pathlib import Path

from mrbench.checks.recipes.base import Subject, shown
from mrbench.errors import MrbenchError
from mrbench.files import real_path
from mrbench.measure.anylog import KnownLog, ParsedLog, parse_log
from mrbench.model.finding import Finding
from mrbench.model.recipe import Sample
from mrbench.model.work import rate_name

NAME = "sample"
TOLERANCE = 2e-4  # relative: numbers are noted with five digits or so
CLOCKS_DIFFER = 0.01  # relative: by more, the log's seconds were misread


def check_sample(subject: Subject) -> Iterator[Finding]:
    """Read the log that the recipe names, and compare the rate."""
    sample = subject.file.recipe.sample
    if sample is None:
        text = "no log is named that shows how its lines read"
        remedy = "add `sample`: a log of it, and the throughput that it gives"
        yield subject.lacking(NAME, text, remedy, "log")
        return
    if subject.base is not None and not (subject.base / "tests").is_dir():
        text = "mrbench is installed here without its tests, and so without logs"
        yield subject.finding(
            NAME, text, "run it in a checkout of mrbench", "sample", outcome="not checked"
        )
        return
    # under tests/, or beside a recipe on its own
    beside = real_path(Path(subject.place.file)).parent
    yield _compared(subject, sample, subject.base / "tests" if subject.base else beside)


def _compared(subject: Subject, sample: Sample, folder: Path) -> Finding:
    log, plan = folder / sample.log, subject.plan
    if wrong := _problem(sample, log, folder):
        return subject.finding(NAME, *wrong)
    try:
        parsed = parse_log(
            log,
            recipes={subject.file.name: KnownLog(plan.log, plan.work_per_iteration, plan.unit)},
            window=sample.window or plan.window,
            implementation=subject.file.name,
            work_per_iteration=sample.work_per_iteration,
        )
    except MrbenchError as exc:
        return subject.finding(NAME, exc.text, exc.remedy, "sample.log")
    return _judged(subject, sample, parsed)


def _problem(sample: Sample, log: Path, folder: Path) -> tuple[str, str, str] | None:
    """Return text, remedy and key of what is wrong with the entry itself."""
    window = sample.window
    if not log.is_file():
        return f"{shown(log)} is not there", "put the log there", "sample.log"
    if not real_path(log).is_relative_to(real_path(folder)):
        return f"{shown(log)} is a link that leads away", "put the log itself there", "sample.log"
    if window is not None and not 0 <= window.first < window.last:
        return "the window is none", "first must be at least 0 and below last", "sample.window"
    if not sample.origin.strip():
        return "nothing tells what was run", "say what, where and when", "sample.origin"
    return None


def _judged(subject: Subject, sample: Sample, parsed: ParsedLog) -> Finding:
    measured, noted = parsed.measurement, sample.throughput
    correct = "correct `log`, or note what the log really tells"
    if measured.status != "ok" or measured.throughput is None:
        why = measured.explanation or f"the log does not state its {measured.unit} per iteration"
        return subject.finding(NAME, f"no number: {measured.status}: {why}", correct, "sample.log")
    if parsed.format != subject.plan.log.format:
        text = f"the log is of format {parsed.format}, not {subject.plan.log.format}"
        return subject.finding(NAME, text, correct, "log.format")
    rate, unit = measured.throughput, rate_name(measured.unit)
    window = f"{measured.first}-{measured.last}"
    if not math.isclose(rate, noted, rel_tol=TOLERANCE):
        text = f"reads as {rate:.6g} {unit} in iterations {window}, noted are {noted:.6g}"
        return subject.finding(NAME, text, correct, "sample.throughput")
    if measured.agreement is not None and abs(measured.agreement - 1) > CLOCKS_DIFFER:
        text = f"the log's clock and its lines' arrival differ by a factor {measured.agreement:.4f}"
        return subject.finding(NAME, text, correct, "sample.log")
    for name, metric in (measured.metrics or {}).items():
        if metric.value is None:
            key = f"log.metrics.{name}.pattern"
            return subject.finding(NAME, f"{name}: {metric.reason}", correct, key)
    text = f"{rate:.5g} {unit} in iterations {window}, as noted"
    return subject.ok(NAME, text, throughput=rate, iterations=measured.iterations)
