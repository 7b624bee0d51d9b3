"""A mirror holds all that a suite needs: it trains without any network, and damage is told."""

import copy
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.prepare.mirror.manifest import this_platform
from needs import skip_without
from toy import edit, make_suite, mrbench, records
from toyruns import at_home
from waiting import SAFETY_S

Git = Callable[..., str]
# what the training cannot do without: a locked package, and one built from its repository
NEEDS = "import six, toyhelper\nassert six.PY3 and toyhelper.READY\n"
SETUP = (
    "from setuptools import setup\nsetup(name='toyhelper', version='1', py_modules=['toyhelper'])\n"
)
ENVIRONMENT = """kind: venv
  requirements: [six==1.16.0]
  build_requirements: [setuptools==75.8.0]
  lock: toy.lock
  packages:
    - {{url: "https://github.com/owner/helper", commit: {helper}}}
  probe: [six, toyhelper]
"""


class World:
    """A suite at GitHub's addresses, a folder of their repositories, and a mirror made of both."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.git = git
        self._stand_in(folder)
        make_suite(folder, git)
        (self.upstreams / "owner").mkdir(parents=True)
        (folder / "upstream").rename(self.main)
        self.old = git(self.main, "rev-parse", "HEAD")
        (self.main / "train.py").write_text(NEEDS + (self.main / "train.py").read_text())
        (self.main / "assets").mkdir()
        (self.main / "assets" / "big").write_bytes(os.urandom(1 << 16))
        self.commit = self._commit(self.main)
        helper = self.upstreams / "owner" / "helper"
        helper.mkdir()
        (helper / "setup.py").write_text(SETUP)
        (helper / "toyhelper.py").write_text("READY = True\n")
        git(helper, "init", "-q")
        source = f"https://github.com/owner/toy\n  paths: [train.py]\n  commit: {self.commit}"
        edit(self.recipe, f"file://{folder / 'upstream'}\n  commit: {self.old}", source)
        helped = ENVIRONMENT.format(helper=self._commit(helper))
        edit(self.recipe, "kind: current\n", helped)

    def _stand_in(self, folder: Path) -> None:
        self.folder, self.recipe = folder, folder / "toys" / "toy.yaml"
        self.upstreams, self.mirror = folder / "upstreams", folder / "mirror"
        self.main = self.upstreams / "owner" / "toy"

    def copied(self, folder: Path) -> "World":
        """Return the same in another folder, to do with as a test likes."""
        for path in (self.recipe.parent, self.upstreams, self.mirror):
            shutil.copytree(path, folder / path.name)
        other = copy.copy(self)
        other._stand_in(folder)
        return other

    def _commit(self, folder: Path) -> str:
        self.git(folder, "add", ".")
        self.git(folder, "commit", "-qm", "more")
        return self.git(folder, "rev-parse", "HEAD")

    def create(self) -> subprocess.CompletedProcess[str]:
        base = ("--mirror", self.upstreams, "--quiet")
        return mrbench(
            *("mirror", "create", self.mirror.name, "--recipe", self.recipe, *base),
            cwd=self.folder,
        )

    def verify(self) -> subprocess.CompletedProcess[str]:
        return mrbench("mirror", "verify", self.mirror, "--recipe", self.recipe, cwd=self.folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, git: Git) -> World:
    folder = tmp_path_factory.mktemp("world")
    with at_home(folder):
        made = World(folder, git)
        locked = mrbench("lock", "--recipe", made.recipe, cwd=folder)
        assert locked.returncode == 0, locked.stderr
        done = made.create()
        assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return made.copied(tmp_path)


LOOPBACK_ONLY = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up; exec "$@"')


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs mrbench where there is no network, with nothing cached."""
    skip_without("offline")
    tried = subprocess.run([*LOOPBACK_ONLY, "sh", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network namespaces here: {tried.stderr.decode().strip()}")
    monkeypatch.setenv("MRBENCH_HOME", str(tmp_path / "offline-home"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")  # else uv waits a while for a network

    def run(*words: object) -> str:
        command = [*LOOPBACK_ONLY, "sh", sys.executable, "-m", "mrbench", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=SAFETY_S, check=False
        )
        return f"{done.returncode}\n{done.stdout}{done.stderr}"

    return run


def test_a_mirror_is_enough_where_there_is_no_network(
    world: World, offline: Callable[..., str]
) -> None:
    world.upstreams.rename(world.folder / "gone")
    (world.folder / "mirror").rename(world.folder / "copied elsewhere")  # as to another machine
    run = ("run", "--recipe", world.recipe, "--json", "--quiet")
    code, _, said = offline(*run, "--mirror", world.folder / "copied elsewhere").partition("\n")
    assert code == "0", said
    (record,) = records(said)
    assert record["status"] == "ok"
    assert "six==1.16.0" in record["environment"]["frozen"]


def test_without_it_the_same_fails_for_lack_of_a_network(
    world: World, offline: Callable[..., str]
) -> None:
    assert "github.com/owner/toy cannot be reached" in offline("run", "--recipe", world.recipe)
    # the repositories alone are not enough: the packages have to come from somewhere
    said = offline("run", "--recipe", world.recipe, "--mirror", world.upstreams)
    assert not said.startswith("0\n")
    assert "setuptools" in said


def test_mrbench_itself_is_installed_from_it_and_takes_the_packages_of_the_machine(
    world: World, offline: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror without the recipe's packages, for a machine that has some of its own."""
    small, venv = world.folder / "small", world.folder / "venv"
    words = ("mirror", "create", small, "--recipe", world.recipe, "--mirror", world.mirror)
    done = mrbench(*words, "--leave-out", "s*", "tool?", "--quiet", cwd=world.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pip install --no-index --find-links {small}/wheels mrbench`" in done.stdout
    wheels = [path.name for path in (small / "wheels").iterdir()]
    assert not [name for name in wheels if name.startswith(("six", "setuptools"))]
    said = offline("run", "--recipe", world.recipe, "--mirror", small)
    assert "the mirror was made without packages (s*, tool?); take those of this machine" in said

    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    (site,) = venv.glob("lib/*/site-packages")
    (site / "six.py").write_text("PY3 = True\n")
    (site / "toyhelper.py").write_text("READY = True\n")
    install = ("-m", "pip", "install", "--quiet", "--no-index", "--find-links", small / "wheels")
    command = [*LOOPBACK_ONLY, "sh", *map(str, (venv / "bin" / "python", *install, "mrbench"))]
    subprocess.run(command, check=True)
    monkeypatch.setattr(sys, "executable", str(venv / "bin" / "python"))
    run = ("run", "--recipe", world.recipe, "--json", "--quiet", "--environment", "current")
    code, _, said = offline(*run, "--mirror", small).partition("\n")
    assert code == "0", said
    (record,) = records(said)
    assert "six==1.16.0" in record["environment"]["lock_difference"]["missing"]
    (own,) = (small / "wheels").glob("mrbench-*.whl")
    again = world.folder / "again"
    create = ("mirror", "create", again, "--recipe", world.recipe, "--mirror", small, "--quiet")
    assert offline(*create, "--leave-out", "*").startswith("0\n")
    assert contents(again / "wheels" / own.name) == contents(own)
    assert mrbench("mirror", "verify", again, "--recipe", world.recipe, cwd=again).returncode == 0


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist() if "RECORD" not in name}


def test_a_folder_that_leads_elsewhere_is_not_written_through(world: World) -> None:
    elsewhere = world.folder / "elsewhere"
    shutil.rmtree(world.mirror / "wheels")
    elsewhere.mkdir()
    (world.mirror / "wheels").symlink_to(elsewhere)
    done = world.create()
    assert done.returncode == 4
    assert f"wheels: is a link to {elsewhere}, outside the mirror" in done.stderr
    assert not list(elsewhere.iterdir())


def test_a_mirror_serves_checks(world: World) -> None:
    words = ("check", "--recipe", world.recipe, "--mirror", world.mirror.name)
    done = mrbench(*words, cwd=world.folder)
    assert done.returncode == 0, done.stdout
    told = " ".join(done.stdout.split())
    assert "of owner/toy can be had" in told
    assert "of owner/helper can be had" in told
    shutil.rmtree(world.mirror / "repos" / "owner" / "helper.git")
    done = mrbench(*words, cwd=world.folder)
    assert done.returncode == 7
    assert "failed upstream" in " ".join(done.stdout.split())


def test_only_what_is_pinned_is_taken(world: World) -> None:
    bare = world.mirror / "repos" / "owner" / "toy.git"
    objects = world.git(bare, "cat-file", "--batch-check", "--batch-all-objects")
    assert world.commit in objects
    assert world.old not in objects
    assert world.git(world.main, "rev-parse", "HEAD:assets/big") not in objects
    manifest = json.loads((world.mirror / "mirror.json").read_text())
    locked = ["setuptools-75.8.0-py3-none-any.whl", "six-1.16.0-py2.py3-none-any.whl"]
    assert manifest["recipes"]["toys/toy"]["files"] == [f"wheels/{name}" for name in locked]
    (own,) = manifest["itself"].values()
    names = {path.name for path in (world.mirror / "wheels").iterdir()}
    assert names == {*locked, *(path.removeprefix("wheels/") for path in own["files"])}
    clone = world.folder / "clone"  # plain git gets the commit from it, by its id
    world.git(world.folder, "init", "-q", str(clone))
    helper = world.mirror / "repos" / "owner" / "helper.git"
    world.git(
        clone,
        "fetch",
        "-q",
        "--depth=1",
        str(helper),
        world.git(helper, "for-each-ref", "--format=%(objectname)"),
    )
    assert manifest["suites"] == []  # recipes from anywhere are no whole suite
    assert {name for name in manifest["files"] if "wheels/" in name} == {
        f"wheels/{name}" for name in names
    }


def test_what_differs_is_told_in_one_line_each(world: World) -> None:
    assert world.verify().returncode == 0
    wheel = world.mirror / "wheels" / "six-1.16.0-py2.py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    told(world, "wheels/six-1.16.0-py2.py3-none-any.whl: sha256 is ")
    wheel.unlink()
    told(world, "wheels/six-1.16.0-py2.py3-none-any.whl: missing")
    assert world.create().returncode == 0  # a second time mends
    (world.mirror / "wheels" / "extra.whl").write_bytes(b"")
    told(world, "wheels/extra.whl: not in mirror.json")
    (world.mirror / "wheels" / "extra.whl").unlink()
    edit(world.recipe, "six==1.16.0", "six==1.15.0")
    assert mrbench("lock", "--recipe", world.recipe, cwd=world.folder).returncode == 0
    told(world, "toys/toy: its environment or lock has changed since")
    assert world.create().returncode == 0  # and adds
    assert (world.mirror / "wheels" / "six-1.15.0-py2.py3-none-any.whl").is_file()
    assert wheel.is_file()
    assert world.verify().returncode == 0


def test_git_finds_what_is_wrong_with_its_objects(world: World) -> None:
    objects = world.mirror / "repos" / "owner" / "helper.git" / "objects"
    path = next(p for p in sorted(objects.rglob("*")) if p.is_file() and p.parent.name != "info")
    path.chmod(0o644)
    path.write_bytes(b"rubbish")
    said = world.verify()
    assert said.returncode == 4
    assert "repos/owner/helper.git: git fsck: " in said.stdout


def told(world: World, beginning: str) -> None:
    """Expect this one line and exit code 4."""
    said = world.verify()
    assert said.returncode == 4, said.stderr
    (line,) = said.stdout.splitlines()
    assert line.startswith(beginning)


def test_what_cannot_be_had_is_listed_and_all_else_is_kept(world: World) -> None:
    edit(
        world.recipe,
        "environment:\n",
        "weights:\n  - {file: w.pkl, url: https://example.invalid/w.pkl}\nenvironment:\n",
    )
    done = world.create()
    assert done.returncode == 4
    assert "missing: toys/toy: weights w.pkl: " in done.stdout
    assert "lacks weights w.pkl since it was made" in world.verify().stdout
    own = world.folder / "own"
    own.mkdir()
    (own / "w.pkl").write_bytes(b"weights")
    again = mrbench(
        "mirror",
        "create",
        world.mirror,
        "--recipe",
        world.recipe,
        "--weights",
        own,
        "--mirror",
        world.upstreams,
        cwd=world.folder,
    )
    assert again.returncode == 0, again.stdout
    assert (world.mirror / "weights" / "w.pkl").read_bytes() == b"weights"
    assert world.verify().returncode == 0


def test_a_folder_of_something_else_is_left_alone(world: World) -> None:
    (world.folder / "photos").mkdir()
    (world.folder / "photos" / "me.jpg").write_bytes(b"")
    done = mrbench("mirror", "create", "photos", "--recipe", world.recipe, cwd=world.folder)
    assert done.returncode == 4
    assert "holds me.jpg" in done.stderr
    assert "is not a mirror" in mrbench("mirror", "verify", "photos", cwd=world.folder).stderr


def test_a_suite_that_got_another_recipe_is_not_covered_any_more(tmp_path: Path) -> None:
    (tmp_path / "mirror.json").write_text(manifest(suites=["demo"]))
    done = mrbench("mirror", "verify", tmp_path, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith("demo/minimask: not covered; run `mrbench mirror create`")


def covered(**changed: object) -> dict[str, object]:
    """Return a recipe's part of a manifest: nothing, but for what is changed."""
    nothing = {"python": "3.7", "packages_sha256": "0" * 64, "repos": {}, "files": []}
    return nothing | {"missing": []} | changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"files": {"../x": {"size_bytes": 1, "sha256": "0" * 64}}}, "not a path within it"),
        ({"files": {"/etc/passwd": {"size_bytes": 1, "sha256": "0" * 64}}}, "not a path within it"),
        ({"files": []}, "files: expected keys and values, got a list; copy"),
        ({"recipes": {"a/b": {}}}, "mirror.json: recipes.a/b.python: missing; copy the mirror"),
        ({"recipes": {"a/b": covered(repos={"../r": []})}}, "a/b.repos: '../r' is not a path"),
        ({"recipes": {"a/b": covered(files=["/x"])}}, "a/b.files: '/x' is not a path"),
        ({"format": 99}, "newer mrbench (mirror format 99; this one reads up to 1); upgrade"),
    ],
)
def test_a_manifest_that_misleads_is_refused(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    (tmp_path / "mirror.json").write_text(manifest(**changed))
    done = mrbench("mirror", "verify", tmp_path, cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def manifest(**changed: object) -> str:
    """Return a manifest of nothing, but for what is changed."""
    made = {"format": 1, "mrbench": "0", "suites": [], "recipes": {}, "files": {}}
    return json.dumps(made | {"platform": this_platform()} | changed)
