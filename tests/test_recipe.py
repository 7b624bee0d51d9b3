"""Recipes are read strictly: what does not fit is named with file, line and key."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from mrbench.errors import RecipeError
from mrbench.recipe import foreign, schema
from mrbench.recipe import load as recipe
from mrbench.recipe.load import RecipeFile
from toy import edit, make_suite, mrbench


def load(path: Path) -> RecipeFile:
    suite = recipe.read_suite(path.parent / "suite.yaml")
    return recipe.load_file(path, suite_name="toys", suite=suite)


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def test_a_recipe_is_read(toy: Path) -> None:
    read = load(toy).recipe
    assert read.launch.command == ("{python}", "train.py", "60", "0.002")
    assert read.workload.images_per_gpu == 4
    assert read.log.every == 10


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("framework:", "framwork:", 3, "framwork: unknown key; did you mean 'framework'?"),
        ("  kind: current", "  kind: curent", 8, "did you mean 'current'?"),
        ("images_per_gpu: 4", "images_per_gpu: four", 10, "'four' is not of type int"),
        ("title: Toy\n", "", 2, "title: missing; add this key"),
        ("title: Toy\n", "title: Toy\ntitle: Two\n", 3, "title: given twice"),
        ("title: Toy\n", "title: [Toy\n", 3, "correct the YAML"),
        ("{python} train.py", "{pyton} train.py", 12, "did you mean 'python'?"),
        ("url: file://", "url: ext::", 5, "only https, ssh, file, package URLs"),
        ("url: file://", "url: https://me:secret@host", 5, "keep secrets out"),
        ("(?P<value>[\\d.]+)", "([\\d.]+)", 16, "lacks the group value"),
        ("(?P<value>", "(?P<value>(", 16, "is no regular expression"),
        ("every: 10", "every: 10\n  format: detectron2", 15, "either `format` or `pattern`"),
        ("commit: ", "paths: ../x\n  commit: ", 6, None),
        ("title: Toy", "title: 3", 2, "put it in quotes"),
    ],
)
def test_what_does_not_fit_is_named(
    toy: Path, old: str, new: str, line: int, message: str | None
) -> None:
    edit(toy, old, new)
    if message is None:  # sparse patterns are git's own, not paths of ours
        load(toy)
        return
    with pytest.raises(RecipeError) as caught:
        load(toy)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{toy}:{line}:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "commit", ["main", "v1.0", "0ce8f6f", "0CE8F6F64B5C462DC2E8CAD14620A188F98B4411"]
)
def test_what_can_move_is_refused(toy: Path, commit: str) -> None:
    pinned = load(toy).recipe.source.commit
    edit(toy, pinned, f'"{commit}"')
    with pytest.raises(RecipeError, match="is not a commit of 40 hex digits"):
        load(toy)


@pytest.mark.parametrize(
    ("patch", "message"),
    [("gone.patch", "cannot be read"), ("../../etc/passwd", "leaves"), ("/etc/passwd", "leaves")],
)
def test_a_patch_stays_in_its_folder(toy: Path, patch: str, message: str) -> None:
    edit(toy, "  commit:", f"  patches: [{patch}]\n  commit:")
    with pytest.raises(RecipeError, match=f"stay inside|{message}"):
        load(toy)


def test_patches_of_a_repository_of_recipes_lie_beside_recipes(tmp_path: Path) -> None:
    path = tmp_path / "recipes" / "2019" / "mmdetection.yaml"
    for folder in ("recipes/2019", "patches/2019"):
        shutil.copytree(recipe.root() / folder, tmp_path / folder)
    file = foreign.load(path, "demo")
    assert file.suite_name == "2019"
    assert file.patches == recipe.load_named("2019", "mmdetection").patches
    done = mrbench("run", "--dry-run", "--recipe", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shutil.move(tmp_path / "patches", tmp_path / "recipes" / "2019")
    with pytest.raises(RecipeError, match=r"patches\[0\]: "):
        foreign.load(path, "demo")


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"- a\n", b"a: &x [*x]\n", b"[" * 100_000])
def test_what_is_no_recipe_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(raw)
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        recipe.load_file(path, suite_name="x", suite=recipe.load_suite("2019"))


def test_unknown_names_are_answered_with_known_ones() -> None:
    with pytest.raises(RecipeError, match="did you mean '2019'"):
        recipe.load_suite("2091")
    with pytest.raises(RecipeError, match="did you mean 'detectron2'"):
        recipe.load_named("2019", "detectron22")


def carried() -> list[tuple[str, str]]:
    return [(s, n) for s in recipe.suite_names() for n in recipe.implementations(s)]


@pytest.mark.parametrize(("suite", "name"), carried())
def test_every_carried_recipe_fits_its_schema(suite: str, name: str) -> None:
    file = recipe.load_named(suite, name)
    assert len(file.recipe.source.commit) == 40
    made = json.loads(json.dumps(schema.make_schema("recipe")))
    jsonschema.Draft202012Validator.check_schema(made)
    raw = yaml.safe_load((recipe.root() / "recipes" / suite / f"{name}.yaml").read_text())
    jsonschema.validate(raw, made)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**raw, "titel": "x"}, made)


@pytest.mark.parametrize("suite", recipe.suite_names())
def test_every_carried_suite_fits_its_schema(suite: str) -> None:
    raw = yaml.safe_load((recipe.root() / "recipes" / suite / "suite.yaml").read_text())
    jsonschema.validate(raw, schema.make_schema("suite"))
    assert set(recipe.load_suite(suite).order) == set(recipe.implementations(suite))
