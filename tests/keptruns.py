"""Runs that the repository keeps, judged again from their files."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

from manyruns import KEPT
from mrbench.model.measurement import Measurement
from mrbench.model.run import Exit
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from mrbench.record.judge import judge
from mrbench.record.rundir import RunDir


def kept_run(suite: str, name: str) -> Path:
    """Return the folder of the one run that is kept of an implementation."""
    (folder,) = (KEPT / suite / name).iterdir()
    return folder


def unpack(suite: str, name: str, into: Path) -> dict[str, Any]:
    """Copy a kept run's files, uncompressed; return its record."""
    kept = kept_run(suite, name)
    for file in kept.glob("result.*"):
        shutil.copy(file, into)
    for packed in kept.glob("*.gz"):
        with gzip.open(packed) as stream, (into / packed.stem).open("wb") as out:
            shutil.copyfileobj(stream, out)
    record: dict[str, Any] = json.loads((kept / "record.json").read_bytes())
    return record


def judged_again(suite: str, name: str, into: Path) -> tuple[dict[str, Any], Measurement]:
    """Return a kept run's record, and what the recipe of today measures from the run's files."""
    record = unpack(suite, name, into)
    plan = make_plan(load.load_named(suite, name))
    assert record["workspace"]["tree"] == plan.source.tree
    return record, judge(RunDir(into), plan, Exit(**record["exit"]))
