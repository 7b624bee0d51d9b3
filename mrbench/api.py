"""What `import mrbench` offers: stored runs and measured logs as typed values.

docs/python.md describes it. `mrbench/__init__.py` imports this module when one of its functions is
first asked for, so that `import mrbench` alone stays light.
"""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

import msgspec

from mrbench.errors import MeasureError, MrbenchError, RecipeError
from mrbench.measure import anylog
from mrbench.measure.anylog import Known, KnownLog, ParsedLog
from mrbench.measure.published.apply import apply
from mrbench.measure.published.reading import log_of
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.metric import MetricPattern
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit
from mrbench.recipe import load, plan, published
from mrbench.record import listing, rundir
from mrbench.record.archive import is_archive

KEYS = "the log"  # is what it is called where keys alone describe it


def load_runs(
    folder: str | PathLike[str] = "runs",
    *,
    suite: str | None = None,
    on_error: Callable[[MrbenchError], object] | None = None,
) -> list[RunRecord]:
    """Return the records of all runs in a folder of runs, oldest first.

    suite: only runs of this suite. Runs without a record, which still run or were killed, are left
    out. A record that cannot be read raises MrbenchError, one that was edited CheckFailed; with
    on_error, that is called with each of these errors instead, and the run is left out.
    MrbenchError if there is no such folder.
    """
    runs = Path(folder)
    if fault := rundir.unusable(runs):
        raise MrbenchError("no runs can be loaded", fault, file=runs)
    suites = [suite] if suite is not None else listing.suites_in(runs)
    records = []
    for name in suites:
        for entry in listing.list_runs(runs, name):
            if isinstance(entry, listing.StoredRun):
                records.append(entry.record)
            elif isinstance(entry, MrbenchError):
                if on_error is None:
                    raise entry
                on_error(entry)
    return sorted(records, key=lambda record: record.started)


def load_run(path: str | PathLike[str]) -> RunRecord:
    """Return the record of one run: its folder, or an archive of `mrbench pack`.

    Raises MrbenchError if there is none or it cannot be read, CheckFailed if it was edited.
    """
    named = Path(path)
    if not named.is_file() and not (named / "record.json").is_file():
        remedy = "give a run's folder or an archive of `mrbench pack`"
        raise MrbenchError("is not a run with a record", remedy, file=named)
    return listing.read_run(str(named), named.parent).record


def parse_log(
    path: str | PathLike[str],
    *,
    recipe: str | PathLike[str] | None = None,
    log: LogFormat | None = None,
    suite: str = "2019",
    implementation: str | None = None,
    work_per_iteration: int | None = None,
    unit: Unit | None = None,
    window: str | None = None,
    every: int | None = None,
    smoothing: int | None = None,
    epochs_from: int | None = None,
    rule: str | None = None,
    metrics: Mapping[str, MetricPattern] = {},
) -> ParsedLog:
    """Measure a log as `mrbench parse` does; `measurement.status` is "ok" where there is a number.

    recipe: parse the log by this file's log section, over its suite's window. log: such a section
    itself. suite: else the suite whose recipes are tried. implementation: name of a recipe or of a
    log format; by default, the format is detected. work_per_iteration: images (or unit) of all
    devices, where the log does not state it. unit: default: the recipe's, else images. window:
    "A:B", iterations A+1 to B. every: iterations from one log line to the next. smoothing:
    iterations that each printed time is the mean of. epochs_from: number of the first epoch, 0 or
    1. rule: name or file of the rule by which somebody made a published number; `by_rule` has what
    it makes of the log, which is parsed by the rule's own words unless a recipe or an
    implementation is given. metrics: what else to read from the window's lines, beside what a
    recipe asks for.

    A log without a number is no exception: `measurement.reason` says why. Raises MeasureError if
    the log cannot be read, RecipeError if the arguments or the recipe are wrong.
    """
    if sum(each is not None for each in (recipe, implementation, log)) > 1:
        text = "a recipe, keys of one and an implementation exclude each other"
        raise RecipeError(text, "give one of them")
    if is_archive(Path(path)):
        remedy = "`mrbench verify` measures a packed run again, `mrbench show` shows it"
        raise MeasureError("is an archive, no log", remedy, file=path)
    known, usual = _of_suite(suite) if recipe is None else _of_recipe(Path(recipe))
    if log is not None:
        known, implementation = {**known, KEYS: KnownLog(log, None, unit or "images")}, KEYS
    applied = published.load(rule) if rule is not None else None
    if applied and not Path(path).is_file():
        raise RecipeError("--rule reads a log several times", "give a file, no pipe")
    keys = {"every": every, "smoothing": smoothing, "epochs_from": epochs_from}

    def measured(recipes: Known, name: str | None) -> ParsedLog:
        return anylog.parse_log(
            Path(path),
            recipes=recipes,
            implementation=name,
            work_per_iteration=work_per_iteration,
            unit=unit,
            window=plan.parse_window(window) if window is not None else usual,
            given={key: value for key, value in keys.items() if value is not None},
            metrics=metrics,
        )

    parsed = measured(known, implementation if recipe is None else Path(recipe).stem)
    if rule is None or applied is None:
        return parsed
    own, detected = log_of(applied), parsed.log
    if parsed.log is None and own is not None and recipe is None and implementation is None:
        counts = "images" if applied.unit == "unknown" else applied.unit
        read = measured({rule: KnownLog(own, None, counts)}, rule)
        if read.measurement.status != parsed.measurement.status:  # else it is another's log
            parsed = read
    by_rule = apply(applied, rule, Path(path), detected, parsed.measurement, per=parsed.per)
    return msgspec.structs.replace(parsed, by_rule=by_rule)


def _of_suite(suite: str) -> tuple[Known, Window]:
    """Return how to parse the logs of a suite's recipes, and the suite's window."""
    names = load.implementations(suite)
    plans = {name: plan.make_plan(load.load_named(suite, name)) for name in names}
    logs = {name: _known(made) for name, made in plans.items()}
    return logs, load.load_suite(suite).window


def _of_recipe(recipe: Path) -> tuple[Known, Window]:
    """Return how to parse a recipe's log, and its window; its lock may be missing."""
    made = plan.make_plan(load.load_path(recipe, locked=False))
    return {made.implementation: _known(made)}, made.window


def _known(made: Plan) -> KnownLog:
    return KnownLog(made.log, made.rated_work, made.unit)
