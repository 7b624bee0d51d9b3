"""The comparison's rows: records grouped, like with like, and what each group says."""

import json
from collections.abc import Hashable, Iterable
from typing import Any

from mrbench.errors import RecipeError
from mrbench.measure.interval import between_runs
from mrbench.model.run import Repeats
from mrbench.model.suite import Reference, Suite
from mrbench.results import footnotes, scaling

Record = dict[str, Any]
Row = dict[str, Any]


def make_rows(
    suite: Suite, records: Iterable[Record], reference_name: str | None = None
) -> list[Row]:
    """Group like records, average each group, sort by throughput; failed groups come last.

    Only valid runs of the same plan on the same machine, in the same image, are averaged. Each
    implementation shows its latest group; another commit, window or number of GPUs makes a row of
    its own.
    """
    reference = choose_reference(suite, reference_name)
    latest: dict[tuple[str, ...], list[Record]] = {}
    for group in _groups(records):
        plan = group[-1]["plan"]
        window, gpus = str(plan["window"]), f"{plan['gpus']} on {nodes_of(plan)}"
        key = (plan["implementation"], plan["source"]["commit"], window, gpus)
        if key not in latest or _started(latest[key]) < _started(group):
            latest[key] = group
    made = [(_row(suite, reference, group), _series(group[-1])) for group in latest.values()]
    scaling.fill_in(made)
    rows = sorted(
        (row for row, _ in made),
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
    raise RecipeError(f"--reference {name!r}: this suite has no such table", f"known: {known}")


def _groups(records: Iterable[Record]) -> list[list[Record]]:
    """Put together what may be averaged: equal plan, machine and image, in order of time.

    Slurm chooses the nodes; there machines of the same kind count as one.
    """
    found: dict[Hashable, list[Record]] = {}
    for record in sorted(records, key=lambda r: str(r.get("started"))):
        key = (record["plan_digest"], _machine(record), _image(record))
        found.setdefault(key, []).append(record)
    return list(found.values())


def _series(record: Record) -> tuple[str, str] | None:
    """Return what runs of one scaling series share; None for records that do not tell.

    Of the machines' GPUs the kind counts, not the number: a run may see only those that it got.
    """
    if not record.get("family"):
        return None
    cpus = sorted({str(machine.get("cpu")) for machine in _machines(record)})
    gpus = {str(gpu.get("name")) for m in _machines(record) for gpu in m.get("gpus") or []}
    place = [_place(record), cpus, sorted(gpus), _image(record)]
    return str(record["family"]), json.dumps(place)


def _machine(record: Record) -> Hashable:
    kinds = {
        (str(machine.get("cpu")), *[str(gpu.get("name")) for gpu in machine.get("gpus") or []])
        for machine in _machines(record)
    }
    return _place(record), frozenset(kinds)


def _hardware(record: Record) -> str:
    """Return the names of the devices that a plan's accelerator means, as one text."""
    machines = _machines(record)
    names = [str(gpu.get("name")) for m in machines for gpu in m.get("gpus") or []]
    if record["plan"]["accelerator"] == "cpu" or not names:
        names = [str(machine.get("cpu") or "") for machine in machines]
    return ", ".join(sorted(set(names)))


def _place(record: Record) -> str:
    slurm = record.get("slurm")
    if slurm is not None:
        return f"cluster {slurm.get('cluster')}"
    return str(_machines(record)[0].get("host"))


def _machines(record: Record) -> list[Record]:
    return [record.get("machine") or {}, *(record.get("other_machines") or ())]


def _image(record: Record) -> str | None:
    """Return the image that a run's environment was, or None."""
    return (record.get("environment") or {}).get("image")


def nodes_of(plan: dict[str, Any]) -> int:
    """Return on how many machines a plan trains; older plans do not say."""
    return int(plan.get("nodes", 1))


def _started(group: list[Record]) -> str:
    return str(group[-1].get("started"))


def _row(suite: Suite, reference: Reference | None, group: list[Record]) -> Row:
    plan, last = group[-1]["plan"], group[-1]
    valid = [r for r in group if counts(r)]
    repeats = between_runs([_rate(r) for r in valid]) if valid else None
    mean = repeats.images_per_second if repeats else None
    sure = _interval(valid, repeats)
    notes = dict.fromkeys(text for r in valid for text in notes_of(r))
    published = reference.images_per_second.get(plan["implementation"]) if reference else None
    comparable = plan["pinned"] and _same_hardware(suite, last)
    return {
        "implementation": plan["implementation"],
        "title": plan["title"],
        "framework": plan["framework"],
        "commit": plan["source"]["commit"],
        "pinned": plan["pinned"],
        "gpus": plan["gpus"],
        "nodes": nodes_of(plan),
        "accelerator": plan["accelerator"],
        "hardware": _hardware(last),
        "started": str((valid or group)[-1].get("started") or ""),
        "window": f"{plan['window']['first']}:{plan['window']['last']}",
        "images_per_second": mean,
        "images_per_second_per_gpu": mean / plan["gpus"] if mean else None,
        "low_images_per_second_per_gpu": sure[0] / plan["gpus"] if sure else None,
        "high_images_per_second_per_gpu": sure[1] / plan["gpus"] if sure else None,
        "scaling_efficiency": None,
        "scaling_from_gpus": None,
        "repeats": len(valid),
        "failed_repeats": len(group) - len(valid),
        "low_images_per_second": sure[0] if sure else None,
        "high_images_per_second": sure[1] if sure else None,
        "deviation_images_per_second": repeats.deviation if repeats else None,
        "published_images_per_second": published,
        "reference": reference.name if reference else None,
        "ratio": mean / published if mean and published and comparable else None,
        "same_hardware": comparable,
        "status": "ok" if valid else last["status"],
        "validity": _verdict(valid, notes),
        "reason": "" if valid else why_not(last),
        "notes": list(notes),
        "footnote": footnotes.of_plan(plan),
        "stand_ins": sorted((plan.get("adaptation") or {}).get("stand_ins") or ()),
        "runs": [r["id"] for r in group],
        "folders": [r["folder"] for r in group if r.get("folder")],
        "folder": (valid or group)[-1].get("folder"),
    }


def counts(record: Record) -> bool:
    """Tell whether a run's number may enter a comparison."""
    return record["status"] == "ok" and _validity(record).get("verdict") != "invalid"


def why_not(record: Record) -> str:
    """Return why a run's number does not count."""
    if record["status"] != "ok":
        return f"{record['status']}: {record.get('reason') or ''}".rstrip(": ")
    return str(_validity(record).get("why") or "")


def notes_of(record: Record) -> list[str]:
    """Return what to know about a valid run; older records have their warnings only."""
    warnings = (record.get("measurement") or {}).get("warnings") or ()
    return list(_validity(record).get("notes", warnings))


def _validity(record: Record) -> dict[str, Any]:
    return record.get("validity") or {}


def _rate(record: Record) -> float:
    return float(record["measurement"]["images_per_second"])


def _verdict(valid: list[Record], notes: Iterable[str]) -> str:
    if not valid:
        return "invalid"
    if not all(_validity(record) for record in valid):
        return "not judged"  # made before there were rules
    return "valid with notes" if notes else "valid"


def _interval(valid: list[Record], repeats: Repeats | None) -> tuple[float, float] | None:
    """Return low and high: between runs where there are several, else within the one."""
    if repeats and repeats.interval:
        return repeats.interval.low, repeats.interval.high
    within = valid[0]["measurement"].get("interval") if valid else None
    return (within["low"], within["high"]) if within else None


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
