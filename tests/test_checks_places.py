"""Room, limits, memory, mirrors and wheels: what a run would meet on this machine."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lesser import NOWHERE, only, resolved, wanting
from mrbench.doctor import base, inputs, machine, tools
from mrbench.doctor.preflight import refuse_lacking
from mrbench.errors import UnavailableError
from mrbench.launch.executors import local
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from toy import edit, make_suite, mrbench


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def test_too_little_room_refuses(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the need is patched, not the disk: a test cannot fill one
    monkeypatch.setattr(inputs, "RUN_BYTES", 1e18)
    with pytest.raises(UnavailableError, match=r"about 931322574.6 GiB needed; make room there"):
        refuse_lacking([resolved(toy)], NOWHERE, local)


def test_a_refusal_says_where_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MRBENCH_DATA", "MRBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    done = mrbench("run", "--suite", "today", cwd=tmp_path)
    assert done.returncode == 4
    *_, coco, weights, doctor, demo = done.stderr.splitlines()
    assert "http://images.cocodataset.org/zips/train2017.zip (18.0 GiB)" in coco
    assert "annotations_trainval2017.zip" in coco
    assert "2014" not in coco
    assert "the run downloads them" in weights
    assert "`mrbench doctor --suite today`" in doctor
    assert "`mrbench run --suite demo` works here" in demo
    assert done.stderr.startswith("mrbench: nothing was started; for suite today this machine")
    for name in ("suite.yaml", "own.yaml"):
        (tmp_path / name).touch()
    done = mrbench("run", "--suite", "today", cwd=tmp_path)
    assert "of its own: `mrbench run --recipe own.yaml`" in done.stderr.splitlines()[-1]
    monkeypatch.setattr(inputs, "RUN_BYTES", 1e18)
    plan = make_plan(load.load_named("demo", "minimask"))
    with pytest.raises(UnavailableError) as caught:
        refuse_lacking([plan], NOWHERE, local)
    assert "works here" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_refuses(toy: Path, tmp_path: Path) -> None:
    runs = tmp_path / "sealed"
    runs.mkdir(mode=0o500)
    with pytest.raises(UnavailableError, match=r"sealed cannot be written to; .* name --runs DIR"):
        refuse_lacking([resolved(toy)], Places(runs=runs / "mine"), local)


def test_room_is_counted_once_for_each_environment(toy: Path) -> None:
    wanted = wanting(toy, "g++")
    once = inputs.needed_bytes([wanted], NOWHERE)
    assert once == inputs.OTHER_ENVIRONMENT_BYTES + inputs.RUN_BYTES
    assert inputs.needed_bytes([wanted, wanted], NOWHERE) == once + inputs.RUN_BYTES


def test_few_open_files_are_a_warning(toy: Path, tmp_path: Path) -> None:
    wanting(toy, "a hard limit of at least 4096 open files")
    script = f"ulimit -n 512; exec {sys.executable} -m mrbench doctor --recipe {toy}"
    shown = tools.answer("bash", "-c", script)
    assert "hard limit 512; the recipe raises it to 4096" in " ".join(shown.split())
    assert not list(tmp_path.glob("runs"))


def test_a_mirror_that_lacks_a_repository(toy: Path, tmp_path: Path) -> None:
    edit(toy, f"url: file://{tmp_path}/upstream", "url: https://github.com/own/name")
    wanted = resolved(toy)
    told = only(inputs.mirror([wanted], Places(mirror=str(tmp_path))))
    assert told.outcome == "note"
    assert "own/name" in told.text
    with pytest.raises(UnavailableError, match=r"--mirror /no/such: no such folder; check"):
        refuse_lacking([wanted], Places(mirror="/no/such"), local)
    (tmp_path / "own").mkdir()
    (tmp_path / "upstream").rename(tmp_path / "own" / "name")
    assert only(inputs.mirror([wanted], Places(mirror=str(tmp_path)))).outcome == "ok"


def test_wheels_that_are_on_no_index(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanting(toy, "g++")
    edit(toy, "  system:\n", "  supplied: [mxnet-cu100==1.6.0b1]\n  system:\n")
    told = only(inputs.supplied([resolved(toy)], NOWHERE))
    assert told.outcome == "note"
    assert "UV_FIND_LINKS" in told.remedy
    (tmp_path / "mxnet_cu100-1.6.0b1-py2.py3-none-any.whl").touch()
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    assert not list(inputs.supplied([resolved(toy)], NOWHERE))


def test_this_machine_is_described() -> None:
    for look in (machine.itself, machine.processors, machine.memory, machine.shared_memory):
        told = only(look([], NOWHERE))
        assert told.text
        assert told.outcome in {"ok", "note"}
        assert (told.outcome == "ok") == (not told.remedy)


def test_the_memory_of_a_container_is_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{1 << 30}\n")
    monkeypatch.setattr(machine, "LIMITS", (str(limit),))
    told = only(machine.memory([], NOWHERE))
    assert told.outcome == "note"
    assert told.text.endswith("of 1.0 GiB")
    limit.write_text("max\n")
    assert not only(machine.memory([], NOWHERE)).text.endswith("of 1.0 GiB")


def test_findings_of_many_are_joined() -> None:
    one, two = (Finding("git", "failed", "x", "y", (name,)) for name in "ab")
    assert base.merged([one, two]) == [Finding("git", "failed", "x", "y", ("a", "b"))]
    assert mrbench("doctor", "--gpus", 0, cwd=Path.cwd()).returncode == 2
