"""Whether plan, folder name, end and arrival times of a run tell one story."""

import json
import re
from collections.abc import Iterator
from typing import Any

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import read_stamps
from mrbench.model.finding import Finding
from mrbench.record.archive import Opened
from mrbench.record.rundir import describe
from mrbench.record.verify.base import Record, differs
from mrbench.record.verify.files import MASKED
from mrbench.text import differences

NAME = re.compile(r"\d{8}T\d{6}Z-(?P<digest>[0-9a-f]{8})(-\d+)?")
SLACK_S = 7.0  # children outlive the main process by up to 6 s: LEFTOVERS_S and the grace period


def check_story(run: Opened, record: Record) -> Iterator[Finding]:
    """Compare plan.json, names, exit.json and train.stamps with the record."""
    yield from _plan(run, record)
    yield from _names(run, record)
    end = _read(run, "exit.json")
    yield from _exit(end, record)
    yield from _stamps(run, end, record)


def _read(run: Opened, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads((run.folder.path / name).read_bytes())
    except (OSError, ValueError):
        return None


def _plan(run: Opened, record: Record) -> Iterator[Finding]:
    recorded = record["plan_digest"]
    found = _read(run, "plan.json")
    if not isinstance(found, dict):
        yield Finding("plan.json", "failed", "cannot be read", "restore it", key="plan")
        return
    sha256 = describe(run.folder.plan).sha256
    originals = (record.get("packed") or {}).get("originals") or {}
    masked = originals.get("plan.json")
    if masked is not None:
        if masked.get("sha256") != recorded:
            meaning = "another plan was packed than the one that was run"
            yield differs("plan.json", "plan_digest", recorded, masked.get("sha256"), meaning)
        else:
            yield Finding("plan.json", "note", f"its digest {recorded[:16]}: {MASKED}")
    elif sha256 != recorded:
        meaning = "plan.json is not the plan that was run"
        yield differs("plan.json", "plan_digest", recorded, sha256, meaning)
    else:
        yield Finding("plan.json", "ok", f"is the plan {recorded[:16]}")
    unlike = list(differences(record["plan"], found))
    for key, one, other in unlike:
        meaning = "the plan in record.json is not the one in plan.json; one of them was edited"
        yield differs("plan.json", f"plan.{key}", one, other, meaning)
    if not unlike:
        yield Finding("plan.json", "ok", "is the plan in record.json, key by key")


def _names(run: Opened, record: Record) -> Iterator[Finding]:
    digest8 = record["plan_digest"][:8]
    plan, name = record["plan"], run.folder.path.name
    suite, _, rest = record["id"].partition("/")
    implementation, _, last = rest.partition("/")
    said = NAME.fullmatch(last)
    for key, one, other in (
        ("id (suite)", suite, plan["suite"]),
        ("id (implementation)", implementation, plan["implementation"]),
        ("id (plan digest)", said["digest"] if said else last, digest8),
    ):
        if one != other:
            yield differs("record.json", key, one, other, "the run's id is that of another plan")
    match = NAME.fullmatch(name)
    if match is None:
        yield Finding("folder", "note", f"{name} is no name that mrbench gives: not compared")
    elif match["digest"] != digest8:
        meaning = "the folder is that of another run"
        yield differs("folder", "name", digest8, match["digest"], meaning)
    elif name != last:
        yield differs("folder", "name", last, name, "the folder is that of another run")
    else:
        yield Finding("folder", "ok", f"{name} is named after this plan")


def _exit(end: Any, record: Record) -> Iterator[Finding]:  # noqa: ANN401 - as above
    recorded = record.get("exit")
    if recorded is None:
        yield Finding("exit.json", "note", "how the training ended is not recorded")
        return
    if not isinstance(end, dict):
        yield Finding("exit.json", "failed", "cannot be read", "restore it", key="exit")
        return
    unlike = list(differences(recorded, {name: end.get(name) for name in recorded}))
    for key, one, other in unlike:
        meaning = "exit.json or the record was edited"
        yield differs("exit.json", f"exit.{key}", one, other, meaning)
    if not unlike:
        text = f"{recorded.get('reason')}, code {recorded.get('code')}, as recorded"
        yield Finding("exit.json", "ok", text)


def _stamps(run: Opened, end: Any, record: Record) -> Iterator[Finding]:  # noqa: ANN401 - as above
    """Arrival times must rise, cover the log to its last byte, and lie within the job's time."""
    if not run.folder.log.is_file():
        yield Finding("train.stamps", "note", "there is no train.log to compare with")
        return
    try:
        stamps = read_stamps(run.folder.stamps)
    except MeasureError as exc:
        text = str(exc).replace(f"{run.folder.path}/", "")
        yield Finding("train.stamps", "failed", text, "restore it", key="train.stamps")
        return
    bad = False
    size = run.folder.log.stat().st_size
    last = stamps.ends[-1] if stamps.ends else 0
    if last != size:
        bad = True
        meaning = (
            "bytes of train.log without arrival times, or the other way: one was cut or edited"
        )
        yield differs("train.stamps", "last offset", last, f"{size} bytes of train.log", meaning)
    told = end if isinstance(end, dict) else {}
    if told.get("bytes") not in (None, size):
        bad = True
        meaning = "train.log is not what the job printed"
        yield differs("exit.json", "bytes", told["bytes"], size, meaning)
    for finding in _within(stamps.times_ns, told, record):
        bad = True
        yield finding
    if not bad:
        took = (stamps.times_ns[-1] - stamps.times_ns[0]) / 1e9 if stamps.times_ns else 0.0
        text = f"{len(stamps.ends)} arrivals in {took:.1f} s, to the log's last byte"
        yield Finding("train.stamps", "ok", text)


def _within(times_ns: Any, end: dict[str, Any], record: Record) -> Iterator[Finding]:  # noqa: ANN401 - an array
    """Nothing can arrive before the job began, nor long after it ended."""
    seconds = (record.get("exit") or {}).get("seconds")
    if not times_ns or not isinstance(seconds, int | float):
        return
    took = (times_ns[-1] - times_ns[0]) / 1e9
    began_ns = end.get("started_monotonic_ns")
    if took > seconds + SLACK_S:
        meaning = "the log cannot have arrived over a longer time than the job ran"
        yield differs("train.stamps", "seconds", f"{seconds:.3f} (exit)", f"{took:.3f}", meaning)
    elif isinstance(began_ns, int):
        early_s = (times_ns[0] - began_ns) / 1e9
        late_s = (times_ns[-1] - began_ns) / 1e9 - seconds
        if early_s < 0 or late_s > SLACK_S:
            found = f"{early_s:.3f} to {late_s + seconds:.3f} s after the start"
            meaning = "output cannot arrive before the job begins or after it ends"
            yield differs("train.stamps", "times", f"a job of {seconds:.3f} s", found, meaning)
