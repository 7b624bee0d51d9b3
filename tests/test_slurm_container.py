"""Training in a container on a cluster: the command as text, and what a real node starts."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import make_job
from mrbench.errors import RecipeError, UnavailableError
from mrbench.model.slurm import Container
from mrbench.run.slurm import client
from mrbench.run.slurm.container import choose, wrap
from test_slurm import only_record, run
from toy import make_suite

# Neither apptainer nor pyxis is among Debian's packages: this one notes what it was asked, and
# runs the command without any container.
STAND_IN = """#!/bin/bash
echo "apptainer $*" >> "$(dirname "$0")/asked"
while [ "$1" != the.sif ]; do shift; done
shift
exec "$@"
"""


def test_pyxis() -> None:
    job = make_job("python", "train.py", directory=Path("/scratch/src"))
    job.variables.clear()  # type: ignore[attr-defined]  # a dict, as it was made
    inside = Container(tool="pyxis", image="nvcr.io#nvidia/pytorch:24.01-py3", mounts=("/r", "/h"))
    argv = wrap(job, inside, gpus=True).argv
    assert argv[:4] == ("srun", "--nodes=1", "--ntasks=1", "--cpu-bind=none")
    assert argv[4:8] == (
        "--container-image=nvcr.io#nvidia/pytorch:24.01-py3",
        "--container-mounts=/r:/r,/h:/h",
        "--container-workdir=/scratch/src",
        "--no-container-mount-home",
    )
    assert argv[8:11] == ("env", "-u", "SLURM_JOB_ID")
    assert argv[-3:] == ("PYTHONUNBUFFERED=1", "python", "train.py")


def test_apptainer() -> None:
    job = make_job("python", directory=Path("/s"), variables={"PATH": "/venv/bin:/home/me/bin"})
    inside = Container(tool="apptainer", image="the.sif", mounts=("/r", "/h"))
    argv = wrap(job, inside, gpus=True).argv
    beginning = ("apptainer", "exec", "--nv", "--bind", "/r", "--bind", "/h", "--pwd", "/s")
    assert argv[: len(beginning) + 2] == (*beginning, "the.sif", "env")
    assert "PATH=/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in argv
    assert "--nv" not in wrap(job, inside, gpus=False).argv


def test_a_secret_stands_in_no_command_line() -> None:
    job = make_job("python", directory=Path("/s"), variables={"HUB_TOKEN": "of mine", "SIZE": "3"})
    inside = Container(tool="apptainer", image="the.sif", mounts=())
    wrapped = wrap(job, inside, gpus=False)
    assert "SIZE=3" in wrapped.argv
    assert "of mine" not in " ".join(wrapped.argv)
    assert wrapped.variables.items() >= job.variables.items()


def test_a_cluster_without_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "has_pyxis", lambda: False)  # no cluster is asked here
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="module load apptainer"):
        choose("the.sif", (), 1)
    with pytest.raises(RecipeError, match="rename it"):
        choose("the.sif", (tmp_path / "a:b",), 1)


def test_a_run_in_a_container(
    tmp_path: Path,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    slurm: object,
) -> None:
    assert slurm
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apptainer").write_text(STAND_IN)
    (tools / "apptainer").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    toy = make_suite(tmp_path, git)
    done = run(toy, "--container", "the.sif")
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record["cluster_container"]["tool"] == "apptainer"
    assert record["plan"]["environment"]["image"] == "the.sif"
    asked = (tools / "asked").read_text()
    assert f"--bind {tmp_path}/runs/toys/toy/" in asked
    assert f"--bind {tmp_path}/mrbench-home --" in asked
