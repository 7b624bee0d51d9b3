"""Whether plan, folder name, end and arrival times of a run tell one story."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mrbench import files
from mrbench.errors import MeasureError, MrbenchError
from mrbench.measure.log.blocks import read_stamps
from mrbench.model.finding import Finding
from mrbench.model.record import RunRecord
from mrbench.model.telemetry import Count
from mrbench.record.rundir import describe, read_bytes
from mrbench.record.verify.base import Evidence, differs, unreadable
from mrbench.record.verify.files import MASKED
from mrbench.text import differences

NAME = re.compile(r"\d{8}T\d{6}Z-(?P<digest>[0-9a-f]{8})(-\d+)?")
SLACK_S = 7.0  # children outlive the main process by up to 6 s: LEFTOVERS_S and the grace period


class _JobEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What exit.json says beside the record's `exit`: bytes of train.log, start of the job."""

    bytes: Count | None = None
    started_monotonic_ns: Count | None = None


def check_story(evidence: Evidence) -> Iterator[Finding]:
    """Compare plan.json, names, exit.json and train.stamps with the record."""
    yield from _plan(evidence)
    yield from _names(evidence)
    end = _JobEnd()
    try:
        content = _content(evidence, "exit.json")
        end = files.convert(content, _JobEnd, "exit.json")
        yield from _exit(evidence, content)
    except MrbenchError as exc:
        if evidence.record.exit is not None:
            yield unreadable("exit.json", exc, "exit")
    if evidence.record.exit is None:
        yield Finding("exit.json", "note", "how the training ended is not recorded")
    yield from _stamps(evidence, end)


def _content(evidence: Evidence, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what one of the run's files holds; MrbenchError names it without its folder."""
    try:
        raw = read_bytes(evidence.run.folder.path / name)
    except MrbenchError as exc:
        raise MrbenchError(exc.text, "restore it", file=name) from exc
    return files.loads(raw, name)


def _plan(evidence: Evidence) -> Iterator[Finding]:
    record = evidence.record
    try:
        content = _content(evidence, "plan.json")
    except MrbenchError as exc:
        yield unreadable("plan.json", exc, "plan")
        return
    sha256 = describe(evidence.run.folder.plan).sha256
    masked = record.packed.originals.get("plan.json") if record.packed else None
    if masked is not None:
        if masked.sha256 != record.plan_digest:
            meaning = "another plan was packed than the one that was run"
            yield differs("plan.json", "plan_digest", record.plan_digest, masked.sha256, meaning)
        else:
            yield Finding("plan.json", "note", f"its digest {record.plan_digest[:16]}: {MASKED}")
    elif sha256 != record.plan_digest:
        meaning = "plan.json is not the plan that was run"
        yield differs("plan.json", "plan_digest", record.plan_digest, sha256, meaning)
    else:
        yield Finding("plan.json", "ok", f"is the plan {record.plan_digest[:16]}")
    unlike = list(differences(evidence.content["plan"], content))
    for key, one, other in unlike:
        meaning = "the plan in record.json is not the one in plan.json; one of them was edited"
        yield differs("plan.json", f"plan.{key}", one, other, meaning)
    if not unlike:
        yield Finding("plan.json", "ok", "is the plan in record.json, key by key")


def _names(evidence: Evidence) -> Iterator[Finding]:
    record, name = evidence.record, evidence.run.folder.path.name
    digest8 = record.plan_digest[:8]
    suite, _, rest = record.id.partition("/")
    implementation, _, last = rest.partition("/")
    named = NAME.fullmatch(last)
    for key, one, other in (
        ("id (suite)", suite, record.plan.suite),
        ("id (implementation)", implementation, record.plan.implementation),
        ("id (plan digest)", named["digest"] if named else last, digest8),
    ):
        if one != other:
            yield differs("record.json", key, one, other, "the run's id is that of another plan")
    match = NAME.fullmatch(name)
    if match is None:
        yield Finding("folder", "note", f"{name} is not a name that mrbench gives: not compared")
    elif match["digest"] != digest8:
        meaning = "the folder is that of another run"
        yield differs("folder", "name", digest8, match["digest"], meaning)
    elif name != last:
        yield differs("folder", "name", last, name, "the folder is that of another run")
    else:
        yield Finding("folder", "ok", f"{name} is named after this plan")


def _exit(evidence: Evidence, content: dict[str, object]) -> Iterator[Finding]:
    """Compare what exit.json holds with the record, key by key."""
    recorded, end = evidence.content.get("exit"), evidence.record.exit
    if recorded is None or end is None:
        return
    actual = {name: content.get(name) for name in recorded}
    if end.reason == "interrupted":  # by whom, only mrbench knows: exit.json has no words for it
        actual |= {name: recorded[name] for name in ("message", "remedy") if not content.get(name)}
    unlike = list(differences(recorded, actual))
    for key, one, other in unlike:
        meaning = "exit.json or the record was edited"
        yield differs("exit.json", f"exit.{key}", one, other, meaning)
    if not unlike:
        yield Finding("exit.json", "ok", f"{end.reason}, code {end.code}, as recorded")


def _stamps(evidence: Evidence, end: _JobEnd) -> Iterator[Finding]:
    """Arrival times must rise, cover the log to its last byte, and lie within the job's time."""
    folder = evidence.run.folder
    if not folder.log.is_file():
        yield Finding("train.stamps", "note", "there is no train.log to compare with")
        return
    try:
        stamps = read_stamps(folder.stamps)
    except MeasureError as exc:
        text = evidence.relative(exc)
        yield Finding("train.stamps", "failed", text, "restore it", key="train.stamps")
        return
    wrong = []
    size = folder.log.stat().st_size
    last = stamps.ends[-1] if stamps.ends else 0
    if last != size:
        meaning = (
            "bytes of train.log without arrival times, or the other way: one was cut or edited"
        )
        text = f"{size} bytes of train.log"
        wrong.append(differs("train.stamps", "last offset", last, text, meaning))
    if end.bytes not in (None, size):
        meaning = "train.log is not what the job printed"
        wrong.append(differs("exit.json", "bytes", end.bytes, size, meaning))
    wrong += _within(stamps.times_ns, end, evidence.record)
    yield from wrong
    if not wrong:
        took_s = (stamps.times_ns[-1] - stamps.times_ns[0]) / 1e9 if stamps.times_ns else 0.0
        text = f"{len(stamps.ends)} arrivals in {took_s:.1f} s, to the log's last byte"
        yield Finding("train.stamps", "ok", text)


def _within(times_ns: Sequence[int], end: _JobEnd, record: RunRecord) -> Iterator[Finding]:
    """Nothing can arrive before the job began, nor long after it ended."""
    if not times_ns or record.exit is None:
        return
    job_s, began_ns = record.exit.seconds, end.started_monotonic_ns
    took_s = (times_ns[-1] - times_ns[0]) / 1e9
    if took_s > job_s + SLACK_S:
        meaning = "the log cannot have arrived over a longer time than the job ran"
        yield differs("train.stamps", "seconds", f"{job_s:.3f} (exit)", f"{took_s:.3f}", meaning)
    elif began_ns is not None:
        early_s = (times_ns[0] - began_ns) / 1e9
        late_s = (times_ns[-1] - began_ns) / 1e9 - job_s
        if early_s < 0 or late_s > SLACK_S:
            span = f"{early_s:.3f} to {late_s + job_s:.3f} s after the start"
            meaning = "output cannot arrive before the job begins or after it ends"
            yield differs("train.stamps", "times", f"a job of {job_s:.3f} s", span, meaning)
