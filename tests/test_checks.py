"""Programs: what is there, what is not, and what to do, on this and on lesser machines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lesser import NOWHERE, bare_path, only, put, resolved, wanting
from mrbench.doctor import inputs, stated, tools
from mrbench.doctor.preflight import refuse_lacking
from mrbench.errors import UnavailableError
from mrbench.launch.executors import local
from mrbench.model.inputs import Environment
from mrbench.recipe import load
from toy import make_suite


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


@pytest.fixture
def bare(tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert toy.is_file(), "made before most programs are gone"
    return bare_path(tmp_path / "bin", monkeypatch)


def environment(*items: str) -> Environment:
    return Environment(kind="venv", system=items)


def test_what_the_published_recipes_state_is_understood() -> None:
    """Each pattern that holds prose against a machine finds its phrase in the suite 2019."""
    known = {n: load.load_named("2019", n) for n in load.implementations("2019")}
    envs = {n: file.recipe.environment for n, file in known.items()}
    assert stated.capabilities(envs["simpledet"]) == ("6.0", "7.5")
    assert stated.driver(envs["detectron2"]) == "418.39"
    assert stated.toolkit(envs["detectron2"]) == "10.1"
    assert stated.compilers(envs["mmdetection"]) == ("4.9", "8")
    assert stated.open_files(envs["mmdetection"]) == 4096
    assert stated.open_files(envs["detectron2"]) is None
    assert {"nvcc", "g++"} <= set(stated.programs(envs["detectron2"]))
    assert {"mpirun", "mpicxx", "g++"} == set(stated.programs(envs["tensorpack"]))
    assert "libsm6" in stated.libraries(envs["matterport"])


@pytest.mark.parametrize("text", ["no nvcc is needed", "works without g++", "not mpirun"])
def test_what_is_said_not_to_be_needed_is_not(text: str) -> None:
    assert not stated.programs(environment(text))


@pytest.mark.parametrize(
    ("found", "inside"),
    [("4.8.5", False), ("4.9", True), ("7.5.0", True), ("8.4.0", True), ("12.2.0", False)],
)
def test_versions_are_compared_as_numbers(found: str, *, inside: bool) -> None:
    assert stated.within(found, "4.9", "8") is inside


def test_a_build_without_its_compiler_is_refused(toy: Path, bare: Path) -> None:
    assert bare.is_dir()
    wanted = wanting(toy, "g++ 4.9 to 8", "Open MPI with mpicxx (Debian's libopenmpi-dev)")
    found = {f.topic: f for f in tools.programs([wanted], NOWHERE)}
    assert set(found) == {"g++", "mpicxx"}
    assert "libopenmpi-dev" in found["mpicxx"].remedy
    with pytest.raises(UnavailableError, match=r"toy: `g\+\+` is not on PATH; install it"):
        refuse_lacking([wanted], NOWHERE, local)


def test_a_wrapper_of_mpi_without_its_headers_is_refused(toy: Path, bare: Path) -> None:
    """Debian's openmpi-bin without libopenmpi-dev: a build of minutes would end at mpi.h."""
    include = bare / "openmpi" / "include"
    put(bare, "mpicxx", f"-show>g++ -I{include} -I{include}/openmpi -L{bare} -lmpi_cxx -lmpi")
    wanted = wanting(toy, "Open MPI with mpicxx (Debian's libopenmpi-dev)")
    (found,) = (f for f in tools.programs([wanted], NOWHERE) if f.topic == "mpicxx")
    assert "mpi.h" in found.text
    assert "libopenmpi-dev" in found.remedy
    include.mkdir(parents=True)
    (include / "mpi.h").touch()
    assert "mpicxx" not in {f.topic for f in tools.programs([wanted], NOWHERE)}


def test_an_environment_that_is_made_needs_no_compiler(toy: Path, bare: Path) -> None:
    assert bare.is_dir()
    wanted = wanting(toy, "g++")
    done = inputs.environment_path(wanted) / "complete.json"
    done.parent.mkdir(parents=True)
    done.write_text("{}")
    assert not list(tools.programs([wanted], NOWHERE))
    assert inputs.needed_bytes([wanted], NOWHERE) == inputs.RUN_BYTES


def test_the_compiler_that_cxx_names_counts(
    toy: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bare, "g++-8", "--version>g++ (Debian 8.3.0-6) 8.3.0")  # no such one is to be had here
    put(bare, "g++", "--version>g++ (Debian 12.2.0-14) 12.2.0")
    wanted = wanting(toy, "g++ 4.9 to 8")
    told = only(tools.compilers([wanted], NOWHERE))
    assert told.outcome == "note"
    assert "12.2.0" in told.text
    assert "CXX" in told.remedy
    monkeypatch.setenv("CXX", "g++-8")
    told = only(tools.compilers([wanted], NOWHERE))
    assert (told.outcome, told.text) == ("ok", "g++ 8.3.0")


def test_another_cuda_toolkit_is_a_warning(
    toy: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bare, "nvcc", "--version>Cuda compilation tools, release 13.0, V13.0.88")
    wanted = wanting(toy, "CUDA toolkit 10.1 with nvcc")
    told = only(tools.nvcc([wanted], NOWHERE))
    assert told.outcome == "note"
    assert "13.0" in told.text
    assert "10.1" in told.remedy
    monkeypatch.setenv("CUDA_HOME", "/no/such/toolkit")
    assert [f.topic for f in tools.programs([wanted], NOWHERE)] == ["nvcc"]


def test_an_old_git_is_a_warning(bare: Path) -> None:
    assert only(tools.git([], NOWHERE)).outcome == "ok"
    (bare / "git").unlink()
    put(bare, "git", "--version>git version 2.30.2")  # one this old is not to be had here
    told = only(tools.git([], NOWHERE))
    assert told.outcome == "note"
    assert "2.30.2" in told.text


def test_a_missing_git_refuses(toy: Path, bare: Path) -> None:
    (bare / "git").unlink()
    assert not list(tools.git([], NOWHERE))
    with pytest.raises(UnavailableError, match="apt-get install git"):
        refuse_lacking([resolved(toy)], NOWHERE, local)


def test_a_library_that_no_machine_has_is_told(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stated.LIBRARIES, "libgl1", "libNoSuchLibrary.so.1")
    told = only(tools.libraries([wanting(toy, "libgl1")], NOWHERE))
    assert told.outcome == "note"
    assert told.remedy == "on Debian: apt-get install libgl1"


def test_a_program_that_fails_or_is_none_has_no_answer(bare: Path) -> None:
    (bare / "odd").write_text("no program")
    (bare / "odd").chmod(0o755)
    put(bare, "other", "--help>x")
    assert tools.answer(str(bare / "odd"), "--version") == ""
    assert tools.answer(str(bare / "other"), "--version") == ""
