"""Archives of runs that never were: files of a kept run at another pace; keys to sign them by."""

import datetime as dt
import gzip
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from keptruns import kept_run
from mrbench.record import judge, rundir
from mrbench.record import pack as packing
from mrbench.record.archive import Opened
from mrbench.record.pack import pack
from mrbench.record.rundir import RunDir
from mrbench.results.repository.layout import place

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STAMP = "%Y-%m-%d %H:%M:%S,%f"
SECONDS = re.compile(r"(?<= time: )[0-9.]+")
PRINTED = re.compile(r"(?<=^\[)[^]]+", re.MULTILINE)


def make(
    into: Path,
    number: int,
    *,
    pace: float = 1.0,
    commit: str = "",
    host: str = "vm",
    cpu: str = "AMD EPYC",
    masked: bool = True,
    **changes: Any,  # noqa: ANN401 - of the plan
) -> Path:
    """Put one into its place in a results repository; return the archive.

    number: tells it from others: it began so many hours after BEGAN. pace: seconds by the kept
    run's. masked: as `mrbench pack` does, which takes ten times as long.
    """
    kept = kept_run("today-smoke", "minimask")
    record = rundir.load(kept / "record.json")
    plan = replace(record.plan, **changes)
    if commit:
        plan = replace(plan, pinned=False, source=replace(plan.source, commit=commit, tree=None))
    began = BEGAN + dt.timedelta(hours=number)
    name = f"{began:%Y%m%dT%H%M%SZ}-{plan.digest[:8]}"
    workspace, machine = record.workspace, record.machine
    assert workspace
    assert machine
    record = replace(
        record,
        id=f"{plan.suite}/{plan.implementation}/{name}",
        started=f"{began:%Y-%m-%dT%H:%M:%SZ}",
        plan=plan,
        plan_digest=plan.digest,
        workspace=replace(workspace, commit=plan.source.revision),
        machine=replace(machine, host=host, cpu=cpu),
    )
    with tempfile.TemporaryDirectory() as temporary:
        run = RunDir(Path(temporary) / name)
        run.path.mkdir()
        run.plan.write_text(plan.canonical())
        _log(run, kept, pace)
        run.telemetry.write_bytes((kept / "telemetry.jsonl").read_bytes())
        assert record.exit
        end = replace(record.exit, seconds=record.exit.seconds * max(1, pace))
        known = json.loads((kept / "exit.json").read_text())
        known |= {"bytes": run.log.stat().st_size, "seconds": end.seconds}
        run.exit.write_text(json.dumps(known))
        record = judge.conclude(record, run, end)
        record = rundir.write_record(run, replace(record, files=rundir.describe_files(run)))
        archive = into / place(record)
        archive.parent.mkdir(parents=True, exist_ok=True)
        if masked:
            pack(Opened(run, str(run.path)), archive)
        else:
            packing._write(run, record, archive)
    return archive


def make_key(path: Path) -> Path:
    """Make an SSH key without a passphrase; return its public part's file."""
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path))
    subprocess.run(words, check=True)
    return path.with_suffix(".pub")


def _log(run: RunDir, kept: Path, pace: float) -> None:
    """Write log and stamps as a training of that pace would have."""
    text = gzip.decompress((kept / "train.log.gz").read_bytes()).decode()
    lines = gzip.decompress((kept / "train.stamps.gz").read_bytes()).splitlines()
    first = dt.datetime.strptime(PRINTED.findall(text)[0], STAMP)  # noqa: DTZ007 - of the log

    def printed(match: re.Match[str]) -> str:
        later = dt.datetime.strptime(match[0], STAMP) - first  # noqa: DTZ007 - the same
        return (first + later * pace).strftime(STAMP)[:23]

    text = SECONDS.sub(lambda m: f"{float(m[0]) * pace:.4f}", PRINTED.sub(printed, text))
    stamps = [tuple(map(int, line.split())) for line in lines]
    began = stamps[0][0]
    run.log.write_text(text)
    run.stamps.write_text(
        "".join(f"{began + round((at - began) * pace)} {end}\n" for at, end in stamps)
    )
