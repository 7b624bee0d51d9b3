"""Environments are made once, proven, named by their inputs, and quoted when they fail."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from jobs import MARK, wait_for_file, wait_until_none
from mrbench.errors import LaunchError, UnavailableError
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest, UsableEnvironment
from mrbench.prepare import environment
from mrbench.prepare.environment import interpreter
from mrbench.prepare.environment.installed import changes
from mrbench.prepare.environment.interpreter import find_interpreter
from mrbench.prepare.step import run_step
from waiting import SAFETY_S, wait_for

TREE = "t" * 40


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "own.py").write_text("X = 1\n")
    return folder


def make(env: Environment, checkout: Path, told: list[str] | None = None) -> UsableEnvironment:
    told = [] if told is None else told
    return environment.prepare(EnvironmentRequest(env, checkout, TREE, told.append))


def test_made_once_then_found(checkout: Path) -> None:
    env = Environment(kind="venv", requirements=("six==1.16.0",), probe=("six",))
    first = make(env, checkout)
    assert not first.reused
    assert "six==1.16.0" in first.frozen
    told: list[str] = []
    again = make(env, checkout, told)
    assert (again.reused, again.python, told) == (True, first.python, [])


def test_what_is_built_stays_out_of_the_checkout(checkout: Path) -> None:
    build = ("{python}", "-c", "open('built.txt', 'w').write('{checkout}')")
    ready = make(Environment(kind="venv", build=(build,), probe=("own",)), checkout)
    assert (ready.template / "built.txt").read_text() == str(ready.template)
    assert not (checkout / "built.txt").exists()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (Environment(kind="venv", probe=("nothing_of_the_kind",)), "nothing_of_the_kind"),
        (Environment(kind="venv", requirements=("six==999",)), "six"),
        (Environment(kind="venv", build=(("/no/such/tool",),)), "/no/such/tool"),
    ],
)
def test_a_failure_quotes_its_log_and_leaves_nothing_made(
    env: Environment, message: str, checkout: Path
) -> None:
    with pytest.raises(LaunchError, match=message) as caught:
        make(env, checkout)
    assert ".log" in str(caught.value)
    assert not (environment.path(env, TREE) / environment.DONE).exists()
    with pytest.raises(LaunchError):  # and it is tried anew, not taken for made
        make(env, checkout)


def test_a_failure_tells_the_cause_rather_than_its_echoes(checkout: Path) -> None:
    """What pip 20 printed of a horovod that found no MPI."""
    said = (
        "ERROR: Command errored out with exit status 1:",
        " command: python setup.py install",
        "horovod/common/operations.h:23:10: fatal error: mpi.h: No such file or directory",
        "compilation terminated.",
        "error: command '/usr/bin/gcc' failed with exit status 1",
        "ERROR: Command errored out with exit status 1: python setup.py install",
    )
    build = ("{python}", "-c", f"print({'|'.join(said)!r}.replace('|', chr(10))); exit(1)")
    with pytest.raises(LaunchError, match=r"ended with 1: horovod/\S+: fatal error: mpi\.h"):
        make(Environment(kind="venv", build=(build,)), checkout)


def test_other_inputs_are_another_environment() -> None:
    base = Environment(kind="venv", requirements=("a==1",))
    other = Environment(kind="venv", requirements=("a==2",))
    built = Environment(kind="venv", build=(("make",),))
    assert environment.path(base, TREE) == environment.path(base, "u" * 40)
    assert environment.path(base, TREE) != environment.path(other, TREE)
    assert environment.path(built, TREE) != environment.path(built, "u" * 40)


def test_an_interpreter_that_is_not_there() -> None:
    assert find_interpreter("3.2") is None
    assert "uv python install 3.2" in str(
        environment.problem(Environment(kind="venv", python="3.2"))
    )


def test_a_step_that_is_cut_short_leaves_nothing_running(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = (
        "import pathlib, sys; from mrbench.prepare.step import run_step;"
        "words = ('bash', '-c', 'sleep 1000 & echo $! >&2; wait');"
        "here = pathlib.Path(sys.argv[1]);"
        "run_step(words, directory=here, log=here / 'log', variables={}, what='x')"
    )
    mark = f"{MARK}={uuid.uuid4().hex}"
    variables = {**os.environ, MARK: mark.partition("=")[2]}
    words = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(words, env=variables) as process:
        wait_for_file(log)
        wait_for(lambda: log.read_text().splitlines()[1:])
        process.send_signal(signal.SIGINT)  # to this one alone, as `kill -INT` does
        assert process.wait(SAFETY_S)
    wait_until_none(mark)


def test_a_full_disk_is_no_fault_of_the_recipe(tmp_path: Path) -> None:
    words = ("cp", "/etc/passwd", "/dev/full")
    with pytest.raises(UnavailableError, match=r"No space left on device.*make room"):
        run_step(words, directory=tmp_path, log=tmp_path / "log", variables={}, what="x")


@pytest.fixture
def made(checkout: Path) -> tuple[Environment, Path, Path]:
    """Make an environment; return it, its folder, and where its packages are."""
    env = Environment(kind="venv", requirements=("six==1.16.0",))
    place = make(env, checkout).python.parents[2]
    (site,) = place.glob("venv/lib/*/site-packages")
    return env, place, site


def test_a_changed_environment_is_refused_with_what_to_remove(
    made: tuple[Environment, Path, Path], checkout: Path
) -> None:
    env, place, site = made
    six = site / "six.py"
    own = six.read_bytes()
    time_ns = six.stat().st_mtime_ns
    six.unlink()  # uv's cache has it, too
    six.write_bytes(own.replace(b"1.16.0", b"1.15.0"))
    with pytest.raises(LaunchError, match=r"site-packages/six\.py was changed") as caught:
        make(env, checkout)
    assert caught.value.remedy == f"remove {place}; the next run makes it again"
    os.utime(six, ns=(time_ns, time_ns))
    assert make(env, checkout).reused  # found by its hash alone
    assert [c.path[-6:] for c in changes(place, deep=True)] == ["six.py"]
    six.write_bytes(own)  # a copy of the whole has other times
    assert make(env, checkout).reused
    (site / "__pycache__").mkdir(exist_ok=True)
    (site / "__pycache__" / "six.cpython-311.pyc").write_bytes(b"cached")
    (site / "notes.txt").write_text("a cache of some package")
    assert make(env, checkout).reused
    (site / "sitecustomize.py").write_text("")
    with pytest.raises(LaunchError, match=r"sitecustomize\.py was added"):
        make(env, checkout)


def test_another_build_of_the_interpreter_is_another_environment(
    made: tuple[Environment, Path, Path], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, place, _ = made
    assert make(env, checkout).interpreter == interpreter.mine()
    monkeypatch.setattr(sys, "version", sys.version.replace("3.11", "3.11.0"))  # it was swapped
    again = make(env, checkout)
    assert again.python.parents[2] != place
    assert again.interpreter == interpreter.mine()


def test_what_the_user_set_for_uv_makes_no_other_environment(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    (tmp_path / "uv.toml").write_text(f'index-url = "{nowhere}"\n')
    for name, value in {
        "UV_VENV_SEED": "1",
        "UV_INDEX_URL": nowhere,
        "UV_DEFAULT_INDEX": nowhere,
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
    }.items():
        monkeypatch.setenv(name, value)
    ready = make(Environment(kind="venv", requirements=("six==1.16.0",)), checkout)
    assert ready.frozen == ("six==1.16.0",)
    monkeypatch.setenv("MRBENCH_INDEX", nowhere)  # and this is how one asks for another index
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        make(Environment(kind="venv", requirements=("six==1.16.0",)), checkout)
