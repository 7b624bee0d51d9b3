"""The numbers for download: rows and runs as flat records."""

from collections.abc import Sequence
from typing import Any

from mrbench.results.report.gather import Chapter, Run

Json = dict[str, Any]
MEASURED = (
    "images_per_second", "seconds_per_iteration", "first", "last", "iterations",
    "images_per_iteration", "data_share", "clock", "agreement", "log_seconds", "arrival_seconds",
)  # fmt: skip


def rows(chapters: Sequence[Chapter]) -> list[Json]:
    """Return the rows of all tables, as `mrbench table --format json` has them, and their suite."""
    return [{"suite": chapter.name, **row} for chapter in chapters for row in chapter.rows]


def runs(chapters: Sequence[Chapter]) -> list[Json]:
    """Return each run with its measurement, without its files."""
    return [_run(run) for chapter in chapters for run in chapter.runs]


def _run(run: Run) -> Json:
    record, measured = run.record, run.measured
    sure = measured.get("interval") or {}
    telemetry = record.get("telemetry") or {}
    return {
        "id": record["id"],
        "called": run.called,
        "suite": run.plan["suite"],
        "implementation": run.plan["implementation"],
        "framework": run.plan["framework"],
        "commit": run.plan["source"]["commit"],
        "gpus": run.plan["gpus"],
        "accelerator": run.plan["accelerator"],
        "started": record.get("started"),
        "status": record["status"],
        "reason": record.get("reason"),
        "verdict": (record.get("validity") or {}).get("verdict"),
        **{name: measured.get(name) for name in MEASURED},
        "low_images_per_second": sure.get("low"),
        "high_images_per_second": sure.get("high"),
        "joules_per_image": telemetry.get("joules_per_image"),
        "bound_by": telemetry.get("bound_by"),
        "plan_digest": record["plan_digest"],
        "mrbench": record.get("mrbench"),
    }
