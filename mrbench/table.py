"""The comparison table: records in, rows out, in any of five formats."""

import csv
import io
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from mrbench import footnotes
from mrbench.errors import RecipeError
from mrbench.model import Reference, Suite

Record = dict[str, Any]
Row = dict[str, Any]
COLUMNS = {
    "implementation": "Implementation",
    "framework": "Framework",
    "throughput": "Throughput (img/s)",
    "spread": "Spread",
    "published": "Published",
    "ratio": "Ratio",
    "status": "Status",
}


def make_rows(
    suite: Suite, records: Iterable[Record], reference_name: str | None = None
) -> list[Row]:
    """Group like records, average each group, sort by throughput; failed groups come last.

    Only runs of the same plan on the same machine are averaged. Each implementation shows its
    latest group; another commit, window or number of GPUs makes a row of its own.
    """
    reference = choose_reference(suite, reference_name)
    latest: dict[tuple[str, ...], list[Record]] = {}
    for group in _groups(records):
        plan = group[-1]["plan"]
        window, gpus = str(plan["window"]), str(plan["gpus"])
        key = (plan["implementation"], plan["source"]["commit"], window, gpus)
        if key not in latest or _started(latest[key]) < _started(group):
            latest[key] = group
    rows = sorted(
        (_row(suite, reference, group) for group in latest.values()),
        key=lambda r: (
            r["images_per_second"] is None,
            -(r["images_per_second"] or 0),
            r["implementation"],
        ),
    )
    return footnotes.number(rows)


def choose_reference(suite: Suite, name: str | None) -> Reference | None:
    """Return the named published table, or the suite's first; RecipeError if there is none."""
    if name is None:
        return suite.references[0] if suite.references else None
    for reference in suite.references:
        if reference.name == name:
            return reference
    known = ", ".join(r.name for r in suite.references) or "none"
    raise RecipeError(f"--reference {name!r}: this suite has no such table; known: {known}")


def _groups(records: Iterable[Record]) -> list[list[Record]]:
    """Put together what may be averaged: equal plan, equal machine, in order of time."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for record in sorted(records, key=lambda r: str(r.get("started"))):
        machine = record.get("machine") or {}
        gpus = json.dumps([g.get("name") for g in machine.get("gpus") or []])
        key = (record["plan_digest"], str(machine.get("host")), f"{machine.get('cpu')}{gpus}")
        found.setdefault(key, []).append(record)
    return list(found.values())


def _started(group: list[Record]) -> str:
    return str(group[-1].get("started"))


def _row(suite: Suite, reference: Reference | None, group: list[Record]) -> Row:
    plan, last = group[-1]["plan"], group[-1]
    good = [r["measurement"]["images_per_second"] for r in group if r["status"] == "ok"]
    mean = statistics.harmonic_mean(good) if good else None
    published = reference.images_per_second.get(plan["implementation"]) if reference else None
    comparable = plan["pinned"] and _same_hardware(suite, last)
    return {
        "implementation": plan["implementation"],
        "title": plan["title"],
        "framework": plan["framework"],
        "commit": plan["source"]["commit"],
        "pinned": plan["pinned"],
        "gpus": plan["gpus"],
        "accelerator": plan["accelerator"],
        "window": f"{plan['window']['first']}:{plan['window']['last']}",
        "images_per_second": mean,
        "repeats": len(good),
        "failed_repeats": len(group) - len(good),
        "spread_images_per_second": max(good) - min(good) if len(good) > 1 else None,
        "published_images_per_second": published,
        "reference": reference.name if reference else None,
        "ratio": mean / published if mean and published and comparable else None,
        "same_hardware": comparable,
        "status": "ok" if good else last["status"],
        "reason": "" if good else str(last.get("reason") or ""),
        "warnings": list((last.get("measurement") or {}).get("warnings") or ()) if good else [],
        "footnote": footnotes.of_plan(plan),
        "stand_ins": sorted((plan.get("adaptation") or {}).get("stand_ins") or ()),
        "runs": [r["id"] for r in group],
    }


def _same_hardware(suite: Suite, record: Record) -> bool:
    """Tell whether a run's GPUs are those of the published table: name and count."""
    names = [g.get("name") or "" for g in (record.get("machine") or {}).get("gpus") or []]
    wanted = suite.hardware.name.split()[-1]
    return (
        suite.hardware.accelerator == "gpu"
        and record["plan"]["gpus"] == suite.hardware.count
        and len(names) >= suite.hardware.count
        and all(wanted in name for name in names)
    )


def render(suite: Suite, rows: Sequence[Row], style: str) -> str:
    """Render rows in one of FORMATS; for people, footnotes follow."""
    text = FORMATS[style](suite, rows)
    below = footnotes.lines(rows)
    return text if style in ("csv", "json") or not below else f"{text}\n\n{below}"


def _cells(suite: Suite, row: Row) -> dict[str, str]:
    name = row["implementation"] + (f" [{row['footnote_number']}]" if row["footnote"] else "")
    if not row["pinned"]:
        name += f" @{row['commit'][:12]}"
    if row["window"] != str(suite.window):
        name += f" ({row['window']})"
    if row["gpus"] != suite.hardware.count:
        name += f" ({row['gpus']} {'GPUs' if row['accelerator'] == 'gpu' else 'devices'})"
    throughput = "-" if row["images_per_second"] is None else f"{row['images_per_second']:.2f}"
    spread = row["spread_images_per_second"]
    status = row["status"] if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
    if row["warnings"]:
        status += f", {len(row['warnings'])} warning{'s' if len(row['warnings']) > 1 else ''}"
    if row["failed_repeats"] and row["status"] == "ok":
        status += f", {row['failed_repeats']} of {row['failed_repeats'] + row['repeats']} failed"
    published = row["published_images_per_second"]
    ratio = f"{row['ratio']:.2f}" if row["ratio"] else "-"
    if published and row["images_per_second"] and not row["ratio"]:
        ratio = "other hardware" if row["pinned"] else "other commit"
    return {
        "implementation": name,
        "framework": row["framework"],
        "throughput": throughput,
        "spread": f"{spread:.2f} (n={row['repeats']})" if spread is not None else "-",
        "published": f"{published:g}" if published else "-",
        "ratio": ratio,
        "status": status,
    }


def _listed(suite: Suite, rows: Sequence[Row], *, style: str) -> str:
    from tabulate import tabulate  # noqa: PLC0415 - 40 ms that only this command pays

    names = [n for n in COLUMNS if n not in ("published", "ratio") or suite.references]
    cells = [[_cells(suite, row)[n] for n in names] for row in rows]
    right = [
        {"throughput": "right", "published": "right", "ratio": "right"}.get(n, "left")
        for n in names
    ]
    return tabulate(
        cells,
        headers=[COLUMNS[n] for n in names],
        tablefmt=style,
        disable_numparse=True,
        colalign=right if cells else None,
    )


def _rst(suite: Suite, rows: Sequence[Row]) -> str:
    """Render the published table's shape: a grid of implementation and throughput."""
    from tabulate import tabulate  # noqa: PLC0415 - see above

    body = [
        [
            f"{_cells(suite, row)['implementation']} ({row['framework']})",
            _cells(suite, row)["throughput"] if row["images_per_second"] else row["status"],
        ]
        for row in rows
    ]
    headers = [COLUMNS["implementation"], COLUMNS["throughput"]]
    return tabulate(body, headers=headers, tablefmt="grid", disable_numparse=True)


def _csv(_: Suite, rows: Sequence[Row]) -> str:
    out = io.StringIO()
    flat = ("warnings", "runs", "stand_ins")
    names = [n for n in rows[0] if n not in flat] if rows else ["implementation"]
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _json(_: Suite, rows: Sequence[Row]) -> str:
    return json.dumps(list(rows), indent=1)


FORMATS: dict[str, Callable[[Suite, Sequence[Row]], str]] = {
    "plain": partial(_listed, style="simple"),
    "rst": _rst,
    "markdown": partial(_listed, style="github"),
    "csv": _csv,
    "json": _json,
}
