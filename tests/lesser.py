"""What the tests of checks share: a plan of the toy's, and machines that lack most programs."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.recipe import load, plan
from toy import edit

NOWHERE = Places()


def resolved(path: Path) -> Plan:
    suite = load.read_suite(path.parent / "suite.yaml")
    return plan.make_plan(load.load_file(path, suite_name="toys", suite=suite))


def bare_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make PATH this folder with git in it, and nothing else: all other programs are absent."""
    folder.mkdir()
    (folder / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(folder))
    for name in ("CC", "CXX", "CUDA_HOME", "CUDA_PATH", "CUDAHOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def put(folder: Path, name: str, answer: str) -> None:
    """Make a program that prints this and fails if it was asked for something else."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n[ \"$*\" = '{answer.partition('>')[0]}' ] || exit 3\n")
    with path.open("a") as script:
        script.write(f"echo '{answer.partition('>')[2]}'\n")
    path.chmod(0o755)


def only(findings: Iterable[Finding]) -> Finding:
    (finding,) = findings
    return finding


def wanting(toy: Path, *items: str) -> Plan:
    """Return the toy's plan with these items in environment.system; it builds its environment."""
    listed = "".join(f"    - {item}\n" for item in items)
    text = f"  kind: venv\n  python: '3.{sys.version_info[1]}'\n  system:\n{listed}"
    edit(toy, "  kind: current\n", text)
    return resolved(toy)
