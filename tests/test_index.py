"""Packages from an index or a folder of the recipe's own: locked, installed, mirrored, recorded."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mrbench.errors import LaunchError, RecipeError
from mrbench.launch.executors.docker import build
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest
from mrbench.prepare import environment
from mrbench.prepare.environment.install import variables_for
from mrbench.prepare.environment.lock import resolve
from mrbench.prepare.mirror import wheels
from mrbench.recipe import load, lockfile
from mrbench.recipe.plan import make_plan
from toy import edit, make_suite, mrbench

TREE = "t" * 40
OWN = "mrbench-own-package"  # on no public index


def make_wheel(folder: Path, version: str) -> Path:
    """Make a wheel of OWN with one module."""
    folder.mkdir(parents=True, exist_ok=True)
    name = OWN.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = {
        f"{name}.py": "READY = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {OWN}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    return path


def make_index(folder: Path, version: str) -> str:
    """Make an index of OWN alone, as PEP 503 has it; return its URL."""
    page = folder / "simple" / OWN
    path = make_wheel(page, version)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (page / "index.html").write_text(f'<a href="{path.name}#sha256={sha256}">{path.name}</a>\n')
    return (folder / "simple").as_uri()


@pytest.mark.parametrize("kind", ["index", "find_links"])
def test_packages_come_from_where_the_recipe_says(kind: str, tmp_path: Path) -> None:
    env = Environment(
        kind="venv",
        requirements=(f"{OWN}==2.4", "six==1.16.0"),
        probe=(OWN.replace("-", "_"), "six"),
        build=(("{python}", "-c", "import os; print(os.environ['PIP_FIND_LINKS'])"),),
    )
    with pytest.raises(LaunchError, match=OWN):
        resolve(env, None, tmp_path / "log")
    if kind == "index":
        env = msgspec.structs.replace(env, index=make_index(tmp_path, "2.4+cpu"), build=())
        source = f"# index: {env.index}\n"
    else:
        make_wheel(tmp_path / "wheels", "2.4+cpu")
        env = msgspec.structs.replace(env, find_links=((tmp_path / "wheels").as_uri(),))
        source = f"# find_links: {env.find_links[0]}\n"
    lock = resolve(env, None, tmp_path / "log")
    assert source in lock.decode()
    assert f"{OWN}==2.4+cpu" in lock.decode()
    assert lockfile.fault(env, lock) is None
    assert resolve(env, lock, tmp_path / "log") == lock
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    ready = environment.prepare(EnvironmentRequest(env, checkout, TREE, lambda _: None, lock))
    assert ready.frozen == (f"{OWN}==2.4+cpu", "six==1.16.0")
    files, missing = wheels.find(env, lock, None)
    assert missing == []
    assert {file.name for file in files} >= {"mrbench_own_package-2.4+cpu-py3-none-any.whl"}
    plain = msgspec.structs.replace(env, index=None, find_links=())
    assert environment.digest(env, TREE) != environment.digest(plain, TREE)
    assert wheels.inputs_sha256(env, lock) != wheels.inputs_sha256(plain, lock)
    told = lockfile.fault(plain, lock)
    assert told
    assert told.text == "was not made from these requirements"


def test_the_user_s_own_folders_are_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", "/own")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    env = Environment(kind="venv", find_links=("https://host/a", "https://host/b"))
    named = {"UV_FIND_LINKS": "https://host/a,https://host/b,/own"}
    named["PIP_FIND_LINKS"] = "https://host/a https://host/b"
    assert variables_for(env, None) == named
    assert variables_for(env, tmp_path)["UV_FIND_LINKS"] == str(tmp_path)  # a mirror, alone
    assert build.index_variables(env) == {"PIP_FIND_LINKS": '"https://host/a https://host/b"'}
    with pytest.raises(RecipeError, match="is not seen in an image"):
        build.index_variables(msgspec.structs.replace(env, index="file:///own"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("index: http://host/simple", "is not an https or file URL"),
        ("index: /srv/simple", "is not an https or file URL"),
        ("index: https://", "is not an https or file URL"),
        ("find_links: [wheels]", "is not an https or file URL"),
        ("index: https://me:hidden@host/simple", "holds a password or a token"),
        ("index: https://hidden@host/simple", "holds a password or a token"),
        ("find_links: ['https://host/?token=hidden']", "holds a password or a token"),
    ],
)
def test_where_packages_come_from_is_https_or_a_file_and_holds_no_secret(
    line: str, told: str, tmp_path: Path, git: Callable[..., str]
) -> None:
    recipe = make_suite(tmp_path, git)
    edit(recipe, "  kind: current\n", f"  kind: venv\n  {line}\n")
    with pytest.raises(RecipeError, match=told) as caught:
        load.load_path(recipe)
    assert "hidden" not in str(caught.value)


def test_a_plan_without_them_is_as_it_was(tmp_path: Path, git: Callable[..., str]) -> None:
    recipe = make_suite(tmp_path, git)
    plan = make_plan(load.load_path(recipe))
    assert not {"index", "find_links"} & json.loads(plan.canonical())["environment"].keys()
    edit(recipe, "  kind: current\n", "  kind: venv\n  index: https://host/simple\n")
    content = json.loads(make_plan(load.load_path(recipe)).canonical())
    assert content["environment"]["index"] == "https://host/simple"


def test_recipes_share_a_lock_that_fits_them_all(tmp_path: Path, git: Callable[..., str]) -> None:
    recipe = make_suite(tmp_path, git)
    edit(
        recipe,
        "kind: current\n",
        "kind: venv\n  lock: shared.lock\n  requirements: [six==1.16.0]\n",
    )
    other = recipe.with_name("other.yaml")
    other.write_text(recipe.read_text())
    edit(other, "[six==1.16.0]", "[python-dateutil==2.8.2]")
    done = mrbench("lock", "--recipe", recipe, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lock = recipe.with_name("shared.lock")
    assert done.stdout == f"{lock}: written, for toy, other\n"
    again = mrbench("lock", "--recipe", other, recipe, cwd=tmp_path)
    assert again.stdout == f"{lock}: unchanged, for other, toy\n"
    assert list(lockfile.blocks(lock.read_bytes())) == ["python-dateutil", "six"]
    for each in (recipe, other):
        assert mrbench("run", "--dry-run", "--recipe", each, cwd=tmp_path).returncode == 0
    edit(other, "dateutil==2.8.2", "dateutil==2.8.1")
    assert mrbench("run", "--dry-run", "--recipe", recipe, cwd=tmp_path).returncode == 0
    done = mrbench("run", "--dry-run", "--recipe", other, cwd=tmp_path)
    assert "shared.lock was not made from these requirements" in done.stderr
    edit(other, "  kind: venv", "  kind: venv\n  index: https://host/simple")
    done = mrbench("lock", "--recipe", recipe, cwd=tmp_path)
    assert done.returncode == 2
    assert "shared.lock cannot be shared: environment.index is not set in one" in done.stderr
    edit(other, "\n  index: https://host/simple", "")
    edit(other, "python-dateutil==2.8.1", "six==1.15.0")
    done = mrbench("lock", "--recipe", recipe, cwd=tmp_path)
    assert done.returncode == 2
    assert "one recipe requires six==1.16.0 and another six==1.15.0; set it" in done.stderr
