"""Docker and Slurm: there, not there, and there but of no use."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lesser import NOWHERE, bare_path, only, put, resolved
from mrbench.doctor import tools
from toy import edit, make_suite


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


@pytest.fixture
def bare(tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert toy.is_file(), "made before most programs are gone"
    return bare_path(tmp_path / "bin", monkeypatch)


def test_without_docker_and_slurm(toy: Path, bare: Path) -> None:
    assert bare.is_dir()
    told = only(tools.docker([resolved(toy)], NOWHERE))
    assert (told.outcome, told.text) == ("ok", "not installed; no chosen recipe needs it")
    assert "not here" in only(tools.slurm([], NOWHERE)).text
    edit(toy, "kind: current", "kind: image\n  image: debian:12")
    told = only(tools.docker([resolved(toy)], NOWHERE))
    assert (told.outcome, told.implementations) == ("note", ("toy",))
    assert "install Docker" in told.remedy


@pytest.mark.skipif(not shutil.which("docker"), reason="no Docker client on this machine")
def test_a_docker_whose_engine_does_not_answer(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    edit(toy, "kind: current", "kind: image\n  image: debian:12")
    told = only(tools.docker([resolved(toy)], NOWHERE))
    assert told.outcome == "note"
    assert "no engine answers (" in told.text
    assert "start it" in told.remedy


@pytest.mark.parametrize(
    ("runtimes", "gpu", "outcome"),
    [('"runc":{},"nvidia":{}', True, "ok"), ('"runc":{}', True, "note"), ("", False, "ok")],
)
def test_an_engine_that_answers(
    toy: Path, bare: Path, runtimes: str, outcome: str, *, gpu: bool
) -> None:
    # a program of ours: an engine needs root, and its GPU runtime a GPU
    answer = f'{{"ServerVersion":"28.2.2","Runtimes":{{{runtimes}}}}}'
    put(bare, "docker", f"info --format {{{{json .}}}}>{answer}")
    edit(toy, "kind: current", "kind: image\n  image: debian:12")
    if gpu:
        edit(toy.parent / "suite.yaml", "accelerator: cpu", "accelerator: gpu")
    told = only(tools.docker([resolved(toy)], NOWHERE))
    assert told.outcome == outcome
    assert told.text.startswith("engine 28.2.2, with")


def test_slurm_and_its_job_are_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bare, "sinfo", "--version>slurm 22.05.8")  # a cluster is more than a test can have
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert only(tools.slurm([], NOWHERE)).text == "slurm 22.05.8, sinfo here, within job 17"
