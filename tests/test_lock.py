"""Locks: made from a recipe's requirements, kept, checked against them, and installed exactly."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from mrbench.errors import LaunchError
from mrbench.files import home
from mrbench.model.inputs import Environment, Package
from mrbench.model.job import EnvironmentRequest, UsableEnvironment
from mrbench.prepare import cache, environment
from mrbench.prepare.environment.lock import head, resolve
from mrbench.recipe import load, lockfile
from toy import edit, make_suite, mrbench
from upstreams import unpacked

TREE = "t" * 40
ENV = Environment(kind="venv", requirements=("six==1.16.0",), probe=("six",), lock="toy.lock")


def make(env: Environment, lock: bytes, tmp_path: Path) -> UsableEnvironment:
    checkout = tmp_path / "checkout"
    checkout.mkdir(exist_ok=True)
    return environment.prepare(EnvironmentRequest(env, checkout, TREE, lambda _: None, lock))


def test_a_lock_names_every_package_with_hashes_and_stays_as_it_is(tmp_path: Path) -> None:
    env = Environment(kind="venv", requirements=("python-dateutil==2.8.2",))
    made = resolve(env, None, tmp_path / "log")
    found = lockfile.blocks(made)
    assert list(found) == ["python-dateutil", "six"]
    assert all("--hash=sha256:" in block for block in found.values())
    assert lockfile.fault(env, made) is None
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
    whole = unpacked(source, TREE)
    ready = environment.prepare(
        EnvironmentRequest(env, checkout, TREE, lambda _: None, lock, lambda: [whole])
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
    assert "unchanged" in mrbench("lock", "--recipe", toy_recipe, cwd=tmp_path).stdout
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
    shared = {"pytorch.lock", "transformers.lock", "ultralytics.lock"}
    assert env.lock in {f"{name}.lock", *shared}
    assert file.lock is not None
    assert lockfile.fault(env, file.lock) is None
    assert not [r for r in env.requirements if "@" in r]


SIX = """six==1.16.0 \\
    --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254
"""
EVIL = f"evil==1.0 --hash=sha256:{'0' * 64}"
REFUSED = (
    (SIX, "--extra-index-url http://localhost/simple #--hash=", "NAME==VERSION with hashes, not"),
    (SIX, "-r other.txt #--hash=", "NAME==VERSION with hashes, not '-r other.txt"),
    (SIX, f"evil @ file:///tmp/evil.whl --hash=sha256:{'0' * 64}", "not 'evil @ file:///tmp"),
    (SIX, "evil==1.0", "has no hash for evil"),
    (SIX, f"evil==1.0 --hash=md5:{'0' * 32}", "has a hash that is no SHA-256"),
    (SIX, f"{EVIL} --index-url=http://localhost", "NAME==VERSION with hashes, not"),
    (SIX.replace("1.16", "1.15"), "", "has no six==1.16.0, which the recipe asks for"),
)


@pytest.mark.parametrize(("first", "more", "told"), REFUSED)
def test_run_prepare_and_check_hold_a_lock_against_its_recipe_alike(
    first: str, more: str, told: str, tmp_path: Path, git: Callable[..., str]
) -> None:
    recipe = make_suite(tmp_path, git)
    edit(recipe, "  kind: current", "  kind: venv\n  requirements: [six==1.16.0]\n  lock: toy.lock")
    lock = recipe.with_name("toy.lock")
    lock.write_text(head(ENV).decode() + first + more)
    line = 6 if more else 4
    for words in (("run",), ("prepare",), ("run", "--dry-run")):
        done = mrbench(*words, "--recipe", recipe, cwd=tmp_path)
        assert done.returncode == 2
        assert f"{lock}:{line}: " in done.stderr
        assert told in done.stderr
    found = json.loads(mrbench("check", "--recipe", recipe, "--json", cwd=tmp_path).stdout)
    (finding,) = [f for f in found["checks"] if f["topic"] == "lock"]
    assert (finding["outcome"], finding["line"]) == ("failed", line)
    assert told in finding["text"]


def test_a_package_that_somebody_added_is_found_where_the_lock_was_sealed(tmp_path: Path) -> None:
    lock = resolve(ENV, None, tmp_path / "log")
    assert lockfile.fault(ENV, lock) is None
    found = lockfile.fault(ENV, lock + f"{EVIL}\n".encode())
    assert found is not None
    assert found.text == "was changed since `mrbench lock` wrote it"
    other = lock + b"--extra-index-url http://127.0.0.1:9\n"
    assert resolve(ENV, other, tmp_path / "log") == lock


def test_a_step_that_installs_another_version_than_the_locks_is_refused(tmp_path: Path) -> None:
    lock = resolve(ENV, None, tmp_path / "log")
    code = (
        "import glob, os, shutil; (old,) = glob.glob(os.environ['VIRTUAL_ENV'] +"
        " '/lib/*/site-packages/six-1.16.0.dist-info'); new = old.replace('1.16.0', '1.15.0');"
        " shutil.copytree(old, new); shutil.rmtree(old); path = new + '/METADATA';"
        " text = open(path).read(); open(path, 'w').write(text.replace('1.16.0', '1.15.0'))"
    )
    env = msgspec.structs.replace(ENV, build=(("{python}", "-c", code),))
    with pytest.raises(LaunchError, match=r"six 1\.15\.0 is installed, the lock has 1\.16\.0"):
        make(env, lock, tmp_path)


def test_requirements_without_their_dependencies(tmp_path: Path) -> None:
    """As imgaug, which asks for an opencv-python that its user cannot have."""
    env = Environment(kind="venv", requirements=("python-dateutil==2.8.2",))
    alone = msgspec.structs.replace(env, no_deps=("python_dateutil",), probe=("dateutil",))
    lock = resolve(alone, None, tmp_path / "log")
    assert list(lockfile.blocks(lock)) == ["python-dateutil"]
    assert lockfile.fault(env, lock), "another lock than that with the dependencies"
    assert lockfile.fault(alone, lock) is None
    assert make(alone, lock, tmp_path).frozen == ("python-dateutil==2.8.2",)
    every = msgspec.structs.replace(env, no_deps=True)
    assert list(lockfile.blocks(resolve(every, None, tmp_path / "log"))) == ["python-dateutil"]
    checkout = tmp_path / "checkout"
    listed = environment.prepare(EnvironmentRequest(every, checkout, TREE, lambda _: None))
    assert listed.frozen == ("python-dateutil==2.8.2",), "without a lock, too"


def test_no_deps_are_shown_and_must_be_requirements(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    env = "  kind: venv\n  requirements: [six==1.16.0]\n  no_deps: [six]\n  lock: toy.lock\n"
    edit(toy, "  kind: current\n", env)
    assert mrbench("lock", "--recipe", toy, cwd=tmp_path).returncode == 0
    told = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert "without the dependencies of six" in told.stdout
    edit(toy, "no_deps: [six]", "no_deps: [sic]")
    told = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert "did you mean 'six'?" in told.stdout


def test_a_built_package_is_kept_and_says_what_it_is_of(tmp_path: Path) -> None:
    setup = (
        "import os; from setuptools import setup;"
        " setup(name='own-package', version='1.' + os.environ['OWN_RELEASE'])\n"
    )
    source = tmp_path / "own"
    source.mkdir()
    (source / "setup.py").write_text(setup)
    whole = unpacked(source, TREE)
    package = Package(package="own-package==1.2", sha256="a" * 64, variables={"OWN_RELEASE": "2"})
    env = Environment(
        kind="venv",
        build_requirements=("setuptools==75.8.0", "wheel==0.45.1"),
        packages=(package,),
    )
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    lock = resolve(env, None, tmp_path / "log")

    def prepared(env: Environment) -> UsableEnvironment:
        return environment.prepare(
            EnvironmentRequest(env, checkout, TREE, lambda _: None, lock, lambda: [whole])
        )

    first = prepared(env)
    assert f"own-package @ own-package==1.2#sha256={'a' * 64}" in first.frozen
    (built,) = first.built
    assert not built.reused
    assert built.tree == TREE
    assert built.variables == {"OWN_RELEASE": "2"}
    assert [p.name for p in (home() / "built").glob("*/*.whl")] == [built.wheel]
    (source / "setup.py").unlink()  # the same tree id again: nothing may be built
    second = prepared(replace(env, probe=("setuptools",)))
    assert second.digest != first.digest
    assert second.built == (replace(built, reused=True),)
    other = replace(package, variables={"OWN_RELEASE": "3"})
    (source / "setup.py").write_text(setup)
    (third,) = prepared(replace(env, packages=(other,))).built
    assert third.wheel != built.wheel, "another variable, another wheel"
    kept = home() / "built"
    (wheel,) = kept.glob(f"*/{third.wheel}")
    wheel.write_bytes(wheel.read_bytes()[:-1])
    (fourth,) = prepared(replace(env, packages=(other,), probe=("wheel",))).built
    assert not fourth.reused, "a damaged wheel is built again"
    assert entries_of("built") == 2


def entries_of(kind: str) -> int:
    return sum(entry.kind == kind for entry in cache.entries())
