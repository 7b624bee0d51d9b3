"""Locks: made from a recipe's requirements, kept, checked against them, and installed exactly."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.errors import LaunchError
from mrbench.model.inputs import Environment, Package
from mrbench.model.job import UsableEnvironment
from mrbench.prepare import environment
from mrbench.prepare.environment.lock import resolve
from mrbench.recipe import load, lockfile
from toy import edit, make_suite, mrbench

TREE = "t" * 40
ENV = Environment(kind="venv", requirements=("six==1.16.0",), probe=("six",), lock="toy.lock")


def make(env: Environment, lock: bytes, tmp_path: Path) -> UsableEnvironment:
    checkout = tmp_path / "checkout"
    checkout.mkdir(exist_ok=True)
    return environment.prepare(env, checkout, TREE, lambda _: None, lock=lock)


def test_a_lock_names_every_package_with_hashes_and_stays_as_it_is(tmp_path: Path) -> None:
    env = Environment(kind="venv", requirements=("python-dateutil==2.8.2",))
    made = resolve(env, None, tmp_path / "log")
    found = lockfile.blocks(made)
    assert list(found) == ["python-dateutil", "six"]
    assert all("--hash=sha256:" in block for block in found.values())
    assert lockfile.problem(env, made) is None
    assert resolve(env, made, tmp_path / "log") == made
    older = re.sub(r"six==\S+", "six==1.15.0", made.decode()).encode()
    assert b"six==1.15.0" in resolve(env, older, tmp_path / "log")  # kept, though not the newest


def test_what_cannot_be_resolved_is_told_with_the_log(tmp_path: Path) -> None:
    env = Environment(kind="venv", requirements=("six==999",))
    with pytest.raises(LaunchError, match="six"):
        resolve(env, None, tmp_path / "log")


def test_only_locked_files_are_installed(tmp_path: Path) -> None:
    lock = resolve(ENV, None, tmp_path / "log")
    ready = make(ENV, lock, tmp_path)
    assert ready.frozen == ("six==1.16.0",)
    assert ready.size_bytes
    assert ready.made_in_s is not None
    wrong = re.sub(rb"sha256:[0-9a-f]{64}", b"sha256:" + b"0" * 64, lock)
    with pytest.raises(LaunchError, match="Hash mismatch"):
        make(ENV, wrong, tmp_path)
    assert environment.digest(ENV, TREE, "a") != environment.digest(ENV, TREE, "b")


def test_build_requirements_come_first_and_by_hash(tmp_path: Path) -> None:
    setup = "import wheel; from setuptools import setup; setup(name='own-package', version='1')\n"
    source = tmp_path / "own"
    (source / "python").mkdir(parents=True)
    (source / "python" / "setup.py").write_text(setup)
    package = Package(url="https://host.invalid/o/own", commit="1" * 40, folder="python")
    env = Environment(
        kind="venv",
        build_requirements=("setuptools==75.8.0", "wheel==0.45.1"),
        packages=(package,),
        probe=("wheel",),
    )
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    lock = resolve(env, None, tmp_path / "log")
    ready = environment.prepare(
        env, checkout, TREE, lambda _: None, lock=lock, packages=lambda: [source]
    )
    assert f"own-package @ git+{package.url}@{package.commit}" in ready.frozen
    assert [p.name for p in source.rglob("*")] == ["python", "setup.py"]  # built in a copy


def test_the_command_writes_locks_and_a_stale_one_is_refused(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy_recipe = make_suite(tmp_path, git)
    edit(toy_recipe, "  kind: current", "  kind: venv\n  requirements: [six==1.16.0]")
    edit(toy_recipe, "  kind: venv", "  kind: venv\n  lock: toy.lock")
    done = mrbench("run", "--dry-run", "--recipe", toy_recipe, cwd=tmp_path)
    assert done.returncode == 2
    assert "toy.lock cannot be read" in done.stderr
    done = mrbench("lock", "--recipe", toy_recipe, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "toy.lock: written" in done.stdout
    assert "as it was" in mrbench("lock", "--recipe", toy_recipe, cwd=tmp_path).stdout
    assert mrbench("run", "--dry-run", "--recipe", toy_recipe, cwd=tmp_path).returncode == 0
    edit(toy_recipe, "six==1.16.0", "six==1.15.0")
    done = mrbench("run", "--dry-run", "--recipe", toy_recipe, cwd=tmp_path)
    assert done.returncode == 2
    assert "toy.lock was not made from these requirements" in done.stderr
    assert "environment.lock" in done.stderr


def test_no_lock_named(tmp_path: Path, git: Callable[..., str]) -> None:
    done = mrbench("lock", "--recipe", make_suite(tmp_path, git), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "none of these recipes names environment.lock" in done.stderr


@pytest.mark.parametrize(
    ("suite", "name"),
    [(s, n) for s in load.suite_names() for n in load.implementations(s)],
)
def test_every_carried_environment_is_locked(suite: str, name: str) -> None:
    file = load.load_named(suite, name)
    env = file.recipe.environment
    assert env.lock == f"{name}.lock"
    assert file.lock is not None
    assert lockfile.problem(env, file.lock) is None
    assert not [r for r in env.requirements if "@" in r]
