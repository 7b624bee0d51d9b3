"""An interpreter of the user's in place of the lock: asked, compared, and left as it is."""

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import BASE, docker
from jobs import MARK, wait_until_none
from mrbench.cli import choice
from mrbench.errors import LaunchError, UnavailableError
from mrbench.files import digest_of
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest, OtherVersion
from mrbench.prepare import environment
from mrbench.prepare.environment import interpreter, own
from mrbench.prepare.mirror.manifest import this_platform
from mrbench.recipe import load
from mrbench.recipe.choices import with_choices
from mrbench.recipe.plan import make_plan
from toy import edit, make_suite, mrbench

PRINTS = "iterations, seconds = int(sys.argv[1])"
VENV = """kind: venv
  requirements: [six==1.16.0, toyhelper==1, absent==3]
  probe: [toyhelper]
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Make an interpreter with packages of its own, none of which anybody installed."""
    venv = tmp_path / "their own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/*/site-packages")
    (site / "toyhelper.py").write_text("print('an import that prints')\n")
    put(site, "toyhelper", "1+cu126")
    put(site, "Six", "1.15.0", url="https://user:secret@example.org/six.zip")
    return venv / "bin" / "python"


def put(site: Path, name: str, version: str, url: str = "") -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if url:
        (folder / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {}}))


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return edit(make_suite(tmp_path, git), "kind: current\n", VENV)


def records(folder: Path) -> list[Path]:
    return sorted((folder / "runs").glob("*/*/*/record.json"))


def test_a_run_lists_what_it_trained_with_and_what_differs_from_the_lock(
    tmp_path: Path, toy: Path, python: Path
) -> None:
    done = mrbench("run", "--recipe", toy, "--environment", python, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = records(tmp_path)
    record = json.loads(path.read_text())
    ready = record["environment"]
    assert (record["plan"]["parameters"]["environment"]["value"], ready["python"]) == (
        "own",
        str(python),
    )
    assert "toyhelper==1+cu126" in ready["frozen"]
    assert "Six==1.15.0 @ https://***@example.org/six.zip" in ready["frozen"]
    assert ready["lock_difference"] == {
        "same": 1,  # 1+cu126 is 1
        "other": [{"name": "six", "locked": "1.16.0", "installed": "1.15.0"}],
        "missing": ["absent==3"],
    }
    told = "1 not as locked: six 1.15.0 instead of 1.16.0; 1 not installed: absent==3; 1 as locked"
    table = mrbench("table", "toys", "--notes", cwd=tmp_path).stdout
    assert "toy environment=own [1]" in table
    assert told in " ".join(table.split())
    assert told in " ".join(mrbench("show", "toy", cwd=tmp_path).stdout.split())
    assert mrbench("verify", "toy", cwd=tmp_path).returncode == 0

    record["environment"]["lock_difference"]["other"] = []
    del record["digest"]
    path.write_text(json.dumps(record | {"digest": digest_of(record)}))
    done = mrbench("verify", "toy", cwd=tmp_path)
    assert done.returncode == 7
    assert "does not follow from their list" in " ".join(done.stdout.split())


def test_other_packages_are_no_repeats(tmp_path: Path, toy: Path, python: Path) -> None:
    """Of one plan in one interpreter, but for a package that was changed in between."""
    words = ("run", "--recipe", toy, "--environment", python)
    assert mrbench(*words, cwd=tmp_path).returncode == 0
    (site,) = python.parents[1].glob("lib/*/site-packages")
    put(site, "more", "1")
    assert mrbench(*words, cwd=tmp_path).returncode == 0
    plain = edit(toy, VENV, "kind: current\n")
    assert mrbench("run", "--recipe", plain, cwd=tmp_path).returncode == 0
    printed = mrbench("table", "toys", "--format", "json", cwd=tmp_path).stdout
    rows = {row["name"]: row for row in json.loads(printed)}
    assert {name: row["repeats"] for name, row in rows.items()} == {
        "toy": 1,
        "toy environment=own": 1,
    }
    assert rows["toy environment=own"]["earlier_runs"] == 1


def test_a_distribution_that_cannot_be_read_is_named(
    tmp_path: Path, toy: Path, python: Path
) -> None:
    (damaged,) = python.parents[1].glob("lib/*/site-packages/toyhelper-*.dist-info")
    (damaged / "METADATA").write_bytes(b"Name: toyhelper\n\x88\xff\n")
    done = mrbench("run", "--recipe", toy, "--environment", python, cwd=tmp_path)
    assert done.returncode == 4
    assert f"has a distribution that cannot be read: {damaged} (UnicodeDecodeError" in done.stderr
    assert "install that package there again, or remove it\n" in done.stderr
    assert not records(tmp_path)


def test_what_is_lacking_is_told_before_anything_is_made(
    tmp_path: Path, toy: Path, python: Path
) -> None:
    edit(toy, "probe: [toyhelper]", "probe: [toyhelper, absent, six]")
    done = mrbench("run", "--recipe", toy, "--environment", python, cwd=tmp_path)
    assert done.returncode == 4
    assert (
        f"toy: {python} lacks absent, six, which the recipe imports;"
        f" `{python} -m pip install absent==3 six==1.16.0`\n"
    ) in done.stderr
    assert not records(tmp_path)
    mirror = tmp_path / "mirror"
    (mirror / "wheels").mkdir(parents=True)
    (mirror / "wheels" / "six-1.16.0-py2.py3-none-any.whl").touch()
    made = {"mrbench": "0", "platform": this_platform(), "suites": [], "recipes": {}, "files": {}}
    (mirror / "mirror.json").write_text(json.dumps({"format": 1, **made}))
    words = ("run", "--recipe", toy, "--environment", python, "--mirror", mirror)
    told = f"--find-links {mirror}/wheels six==1.16.0`; not in the mirror: absent==3\n"
    assert told in mrbench(*words, cwd=tmp_path).stderr
    for folder in (python.parents[1], tmp_path / "none"):
        done = mrbench("doctor", "--recipe", toy, "--environment", folder, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (4, "")
        hint = f"give {folder}/bin/python" if folder.exists() else "give `current`"
        assert f"--environment {folder} is no Python interpreter; {hint}" in done.stderr


def test_it_needs_no_uv(tmp_path: Path, toy: Path, python: Path) -> None:
    """Where somebody has no use for it, nor for another Python than the recipe names."""
    edit(toy, "kind: venv\n", "kind: venv\n  python: '3.7'\n")
    program = "import sys; sys.modules['uv'] = None; from mrbench.cli import main; sys.exit(main())"
    words = ("run", "--recipe", str(toy), "--environment", str(python))
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = records(tmp_path)
    difference = json.loads(path.read_text())["environment"]["lock_difference"]
    assert [other["name"] for other in difference["other"]] == ["Python", "six"]


SCRIPTS = {
    "hang": ("sleep 1000", "does not say within 1 s which Python it is; name the interpreter"),
    "flood": ("exec yes", "is no Python interpreter"),
    "leak": (f'sleep 1000 &\nexec {sys.executable} "$@"', ""),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_in_the_place_of_an_interpreter(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for so long, and nothing of it is left."""
    monkeypatch.setattr(interpreter, "LIMIT_S", 1 if name == "hang" else 60)
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    script, told = tmp_path / name, SCRIPTS[name][1]
    script.write_text(f"#!/bin/sh\n{SCRIPTS[name][0]}\n")
    script.chmod(0o755)
    args = argparse.Namespace(environment=str(script))
    if told:
        with pytest.raises(UnavailableError) as caught:
            choice._interpreter(args)
        assert told in str(caught.value)
    else:
        assert choice._interpreter(args) == script
    wait_until_none(f"{MARK}={mark}")


def test_a_containers_own_interpreter_is_the_one_there(tmp_path: Path) -> None:
    words = ("--executor", "slurm", "--container", "x", "--dry-run")
    done = mrbench("run", "demo", "--environment", "current", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--environment and --container: the container has an interpreter" in done.stderr


def test_a_suite_of_which_it_serves_a_part(tmp_path: Path, python: Path) -> None:
    (site,) = python.parents[1].glob("lib/*/site-packages")
    for name in ("torch", "torchvision", "numpy", "PIL"):
        (site / f"{name}.py").write_text("")
    words = ("run", "--suite", "today-smoke", "--environment", python)
    done = mrbench(*words, "--impl", "detectron2,torchvision", cwd=tmp_path)
    assert done.returncode == 4
    lacks = f"detectron2: {python} lacks pycocotools, tensorboard, which"
    assert lacks in done.stderr
    assert "\n`--impl torchvision` trains what this machine has\n" in done.stderr
    # all of a suite: what it serves is trained (these modules are empty: it fails), the rest told
    done = mrbench(*words, cwd=tmp_path)
    assert f"left out: {lacks}" in done.stderr
    assert [path.parents[1].name for path in records(tmp_path)] == ["torchvision"]
    assert done.returncode == 8
    done = mrbench("doctor", *words[1:], cwd=tmp_path)
    assert "A run would start" in done.stdout


def test_the_driver_that_the_lock_needs_is_not_asked_for() -> None:
    file = load.load_named("today", "torchvision")
    plans = [make_plan(with_choices(file, chosen)) for chosen in ({}, {"environment": "current"})]
    locked, installed = (plan.environment for plan in plans)
    assert any("NVIDIA driver" in item for item in locked.system)
    assert (installed.system, installed.lock) == ((), locked.lock)
    assert plans[0].digest != plans[1].digest


def make(env: Environment, python: Path, checkout: Path, told: list[str]) -> Path:
    ready = environment.prepare(
        EnvironmentRequest(env, checkout, "t" * 40, told.append, own=True, python=python)
    )
    return ready.template


def test_what_is_built_is_built_with_it_beside_the_checkout(tmp_path: Path, python: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    write = "import sys; open('built.py', 'w').write('P = ' + repr(sys.executable))"
    env = Environment(
        kind="current",
        build=(
            ("{python}", "-m", "pip", "install", "."),
            ("{python}", "-c", write),
        ),
        probe=("built",),
    )
    told: list[str] = []
    template = make(env, python, checkout, told)
    assert (template / "built.py").read_text() == f"P = {str(python)!r}"
    assert not list(checkout.iterdir())
    assert f"left out: 1 build step that would change {python}" in told
    told.clear()
    assert make(env, python, checkout, told) == template
    assert not any("building" in line for line in told)


def test_what_a_module_imports_in_turn_is_named_too(tmp_path: Path, python: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "outer.py").write_text("import yaml.events\n")
    (checkout / "broken.py").write_text("raise ImportError('libGL.so.1: no such file')\n")
    (checkout / "crash.py").write_text("import os\nos.abort()\n")
    env = Environment(kind="current", probe=("outer",), requirements=("PyYAML==6.0.4",))
    with pytest.raises(UnavailableError, match=r"lacks yaml, which.* install pyyaml==6\.0\.4`"):
        make(env, python, checkout, [])
    env = Environment(kind="current", probe=("broken",))
    with pytest.raises(UnavailableError, match=r"cannot import broken \(ImportError: libGL"):
        make(env, python, checkout, [])
    with pytest.raises(LaunchError, match=r"environment: .* ended with -6"):
        make(Environment(kind="current", probe=("crash",)), python, checkout, [])


def test_a_lock_for_several_pythons_asks_for_no_more_than_it_must() -> None:
    env = Environment(kind="current", python="3.12")
    some_hash = f"    --hash=sha256:{'0' * 64}\n"
    lock = (
        f"colorama==0.4.6 ; sys_platform == 'win32' \\\n{some_hash}six==1.16.0 \\\n{some_hash}"
    ).encode()
    found = own.difference(env, lock, "CPython 3.11.7 (main, ...)", ["six==1.16.0 @ file:///x"])
    assert (found.same, found.missing) == (1, ())
    assert found.other == (OtherVersion(name="Python", locked="3.12", installed="3.11.7"),)
    found = own.difference(env, lock, "CPython 3.12.1 (main, ...)", [])
    assert (found.other, found.missing) == ((), ("six==1.16.0",))


@pytest.fixture
def image(tmp_path: Path, docker_host: str) -> str:
    """Make an image whose Python has packages of its own, as NVIDIA's have."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "toyhelper.py").write_text("print('an import that prints')\n")
    put(site, "toyhelper", "1+cu126")
    put(site, "Six", "1.15.0")
    ask = "import site; print(site.getsitepackages()[0])"
    there = docker(docker_host, "run", "--rm", BASE, "python3", "-c", ask).stdout.strip()
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY site {there}\n")
    docker(docker_host, "build", "--quiet", "--tag", "test/theirs", str(tmp_path))
    return "test/theirs"


def test_an_image_has_packages_of_its_own(tmp_path: Path, toy: Path, image: str) -> None:
    write = "import sys; open('built.py', 'w').write('P = ' + repr(sys.executable))"
    edit(
        toy,
        "  probe: [toyhelper]\n",
        f"  probe: [toyhelper, built]\n  build:\n    - ['{{python}}', -c, {json.dumps(write)}]\n",
    )
    words = ("run", "--recipe", toy, "--executor", "docker", "--environment")
    done = mrbench(*words, "current", cwd=tmp_path)
    assert done.returncode == 4
    assert "runs with what is installed; name an image that has it with --image" in done.stderr
    done = mrbench(*words, "current", "--image", image, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = records(tmp_path)
    ready = json.loads(path.read_text())["environment"]
    assert ready["image"].startswith("sha256:")
    assert "toyhelper==1+cu126" in ready["frozen"]
    assert [other["name"] for other in ready["lock_difference"]["other"]] == ["six"]
    assert (Path(ready["template"]) / "built.py").read_text() == f"P = {ready['python']!r}"
    told = " ".join(mrbench("table", "toys", "--notes", cwd=tmp_path).stdout.split())
    assert "The image's own packages: 1 not as locked: six 1.15.0" in told
    assert mrbench("verify", "toy", cwd=tmp_path).returncode == 0

    edit(toy, "probe: [toyhelper,", "probe: [toyhelper, absent,")
    done = mrbench(*words, "/usr/bin/python3", "--image", image, cwd=tmp_path)
    assert done.returncode == 4
    told = "the image's /usr/bin/python3 lacks absent, which the recipe imports"
    assert (
        f"{told}; name an image with `RUN /usr/bin/python3 -m pip install absent==3` more"
        in done.stderr
    )
