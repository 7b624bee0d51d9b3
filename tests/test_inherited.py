"""What a training inherits of the caller's environment: a short list, all of it recorded."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs import make_job, python, run
from mrbench.prepare.surroundings import HERE
from toy import commit_all, edit, make_suite, mrbench, records

# Each of these changed a training unseen: by a factor of 39, or by joining a job that is long over.
LEFTOVERS = {
    "PYTHONMALLOC": "debug",
    "PYTHONTRACEMALLOC": "25",
    "NVIDIA_TF32_OVERRIDE": "0",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "TORCHDYNAMO_DISABLE": "1",
    "GOMP_CPU_AFFINITY": "0",
    "UCX_TLS": "tcp",
    "OMP_NUM_THREADS": "1",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "nowhere",
    "OMPI_COMM_WORLD_RANK": "1",
    "PMI_RANK": "1",
}
# What a cluster or its modules set, without which a training hangs or loads what is there.
NEEDED = {
    "LD_LIBRARY_PATH": "/lib/a",
    "NCCL_IB_GID_INDEX": "3",
    "NCCL_SOCKET_IFNAME": "ib0",
    "HF_HOME": "/scratch/hf",
    "TRITON_CACHE_DIR": "/scratch/triton",
}
UNTOLD = {"SLURM_PROCID": "1", "MRBENCH_MIRROR": "/m", "SOME_SETTING": "of mine"}


def test_a_training_gets_the_list_and_what_it_sets_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**LEFTOVERS, **UNTOLD, **NEEDED}.items():
        monkeypatch.setenv(name, value)
    job = make_job(*python("import json, os; print(json.dumps(dict(os.environ)))"))
    given = json.loads(run(job, tmp_path)[0])
    assert not {*LEFTOVERS, *UNTOLD} & set(given)
    assert {name: given[name] for name in NEEDED} == NEEDED
    assert {"PATH", "HOME", "PYTHONUNBUFFERED", *job.variables} <= set(given)


def test_a_step_gets_what_is_passed_on_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a step of data.prepare that fetches what needs a token."""
    monkeypatch.setenv("HF_TOKEN", "of mine")
    monkeypatch.setenv("RANK", "1")
    job = make_job(*python("import os; print(os.environ.get('HF_TOKEN'), 'RANK' in os.environ)"))
    job = msgspec.structs.replace(job, inherit=("HF_TOKEN",))
    HERE.step(job, tmp_path / "log", "data")
    assert (tmp_path / "log").read_text().splitlines()[-1] == "of mine False"


def test_a_module_of_the_callers_path_does_not_reach_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("print('customized', flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "own"))
    assert run(make_job(sys.executable, "-c", "print('on')"), tmp_path)[0] == b"on\n"


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    path = make_suite(tmp_path, git)
    train = tmp_path / "upstream" / "train.py"
    shows = "import os; print('threads', os.environ.get('OMP_NUM_THREADS'), flush=True)\n"
    train.write_text(shows + train.read_text())
    old = git(tmp_path / "upstream", "rev-parse", "HEAD")
    return edit(path, old, commit_all(tmp_path / "upstream"))


def once(toy: Path, *words: str) -> tuple[dict[str, Any], str, str]:
    """Run it; return the record, the log's first line, and what was said."""
    done = mrbench("run", "--recipe", toy, "--json", *words, cwd=toy.parent)
    (record,) = records(done.stdout)
    log = toy.parent / "runs" / str(record["id"]) / "train.log"
    return record, log.read_text().splitlines()[0], done.stderr


def test_what_is_passed_on_by_name_is_planned_recorded_and_compared(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEFTOVERS.items():
        if not name.startswith("PYTHON"):  # it would slow mrbench itself
            monkeypatch.setenv(name, value)
    plain, first, said = once(toy)
    assert first == "threads None"
    assert "not passed on to the training: ATEN_CPU_CAPABILITY" in said
    assert "RANK" in plain["machine"]["not_passed"]
    assert not set(LEFTOVERS) & set(plain["machine"]["variables"])
    given, first, _ = once(toy, "--pass-variable", "OMP_NUM_THREADS")
    assert first == "threads 1"
    assert given["machine"]["variables"]["OMP_NUM_THREADS"] == "1"
    assert given["plan"]["inherit"] == ["OMP_NUM_THREADS"]
    assert given["plan_digest"] != plain["plan_digest"]
    told = mrbench("compare", plain["id"], given["id"], cwd=toy.parent).stdout
    assert "variables.OMP_NUM_THREADS" in told
    edit(toy, "launch:\n", "launch:\n  inherit: [OMP_*]\n")
    assert once(toy)[1] == "threads 1"


def test_packages_of_another_python_on_the_path_are_not_mrbenchs(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `module load`, ROS or conda leave them there; also a module of the standard library."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("psutil", "yaml", "git", "msgspec", "statistics", "mrbench_of_mine"):
        (foreign / f"{name}.py").write_text("raise ImportError('made for another Python')\n")
    monkeypatch.setenv("PYTHONPATH", str(foreign))
    record, first, _ = once(toy)
    assert (record["status"], first) == ("ok", "threads None")
    assert "PYTHONPATH" in record["machine"]["not_passed"]
