"""`mrbench pack --ro-crate`: the unpacked archive is as recorded, and valid by roc-validator."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from manyruns import KEPT
from mrbench.record.pack.crate import FILE, crate_of
from mrbench.record.rundir import load
from toy import mrbench

VALIDATE = Path(__file__).with_name("crate_check.py")
VALIDATOR = ("roc-validator==0.13.0", "rocrate==0.13.0")


def test_an_unpacked_archive_is_a_valid_crate(tmp_path: Path) -> None:
    (run,) = (KEPT / "detectors-smoke" / "mask2former").iterdir()
    folder = unpacked(run, tmp_path)
    record = load(folder / "record.json")
    known = entities(folder)
    assert known["#throughput"]["value"] == record.throughput
    assert known["#implementation"]["version"] == record.plan.source.commit
    assert known["#run"]["actionStatus"].endswith("/CompletedActionStatus")
    assert mrbench("pack", folder, "-o", "again.tar.gz", "--ro-crate", cwd=tmp_path).returncode == 0

    failed = tmp_path / "failed"
    shutil.copytree(folder, failed)
    (failed / "kept").mkdir()
    (failed / "kept" / "50 % ä#1?.txt").touch()
    names = [p.relative_to(failed).as_posix() for p in failed.rglob("*") if p.is_file()]
    end = replace(record, status="failed", reason="exit status 1")
    (failed / FILE).write_text(crate_of(end, names))
    assert "#throughput" not in entities(failed)
    assert entities(failed)["#run"]["error"] == "exit status 1"

    (old,) = (KEPT / "format2").glob("*/*/*")
    no_action = tmp_path / "no-action"
    shutil.copytree(failed, no_action)
    text = (failed / FILE).read_text()
    (no_action / FILE).write_text(text.replace("CreateAction", "Action"))
    *valid, broken = faults(folder, failed, unpacked(old, tmp_path), no_action)
    assert valid == [[], [], []]
    assert any("At least one CreateAction" in fault for fault in broken)


def unpacked(run: Path, folder: Path) -> Path:
    """Pack a run as a crate, and unpack that; it must be as recorded."""
    archive = folder / f"{run.name}.tar.gz"
    done = mrbench("pack", run, "-o", archive, "--ro-crate", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = mrbench("verify", archive, "--json", cwd=folder)
    assert FILE in done.stdout
    assert done.returncode == 0, done.stdout
    with tarfile.open(archive) as files:
        files.extractall(folder / run.name, filter="data")
    (record,) = (folder / run.name).rglob("record.json")
    return record.parent


def entities(folder: Path) -> dict[str, Any]:
    return {entity["@id"]: entity for entity in json.loads((folder / FILE).read_text())["@graph"]}


def faults(*crates: Path) -> list[list[str]]:
    """Return what the validator says of each crate, at its level REQUIRED."""
    words = [w for requirement in VALIDATOR for w in ("--with", requirement)]
    uv = [sys.executable, "-m", "uv", "run", "--isolated", "--no-project", *words]
    command = [*uv, "--python", sys.executable, "python", *map(str, (VALIDATE, *crates))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: list[list[str]] = json.loads(done.stdout)
    return answer
