"""Recipes are read strictly: what does not fit is named with file, line and key."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.errors import RecipeError
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
    assert read.workload.per_device == 4
    assert read.log.every == 10


def test_a_pattern_needs_no_value_where_arrivals_tell_the_seconds(toy: Path) -> None:
    edit(toy, "(?P<value>[\\d.]+)", "[\\d.]+")
    edit(toy, "  every: 10", "  every: 10\n  clock: arrival")
    assert load(toy).recipe.log.clock == "arrival"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("framework:", "framwork:", 3, "framwork: unknown key; did you mean 'framework'?"),
        ("  kind: current", "  kind: curent", 8, "did you mean 'current'?"),
        ("per_device: 4", "per_device: four", 10, "'four' is not of type int"),
        ("title: Toy\n", "", 2, "title: missing; add this key"),
        ("  every: 10", "  every: 10\n  skipped: 3", 19, "running_mean and cumulative"),
        ("  every: 10", "  every: 10\n  counts_from: 7", 19, "from 0 or from 1"),
        ("title: Toy\n", "title: Toy\ntitle: Two\n", 3, "title: given twice"),
        ("title: Toy\n", "title: [Toy\n", 3, "correct the YAML"),
        ("{python} train.py", "{pyton} train.py", 12, "did you mean 'python'?"),
        ("url: file://", "url: ext::", 5, "only https, ssh, file, package URLs"),
        ("url: file:///", "url: ./", 5, "on this machine, give file:///"),
        ("url: file://", "url: git@host:", 5, "put ssh:// before it"),
        ("url: file://", "url: https://me:secret@host", 5, "keep secrets out"),
        ("kind: current", "kind: venv\n  lock: a.lock", 9, "`mrbench lock --recipe"),
        ("(?P<value>[\\d.]+)", "([\\d.]+)", 16, "lacks the group value"),
        ("(?P<value>", "(?P<value>(", 16, "is not a valid regular expression"),
        ("every: 10", "every: 10\n  format: detectron2", 15, "one of `format`, `pattern`"),
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
    file = recipe.load_path(path)
    assert file.suite_name == "2019"
    assert file.patches == recipe.load_named("2019", "mmdetection").patches
    done = mrbench("run", "--dry-run", "--recipe", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shutil.move(tmp_path / "patches", tmp_path / "recipes" / "2019")
    with pytest.raises(RecipeError, match=r"patches\[0\]: "):
        recipe.load_path(path)


def test_a_recipe_without_a_suite_beside_it_is_refused_with_the_file_to_write(toy: Path) -> None:
    suite = toy.with_name("suite.yaml")
    suite.unlink()
    for words in (("run", "--dry-run"), ("parse", "train.log")):
        done = mrbench(*words, "--recipe", toy, cwd=toy.parent)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"{toy}: there is no suite.yaml beside it" in done.stderr
        assert f"write {suite}" in done.stderr
    assert mrbench("check", "--recipe", toy, cwd=toy.parent).returncode == 7
    edit(toy, "title: Toy", "titel: Toy")
    with pytest.raises(RecipeError, match="titel"):  # its own faults come first
        recipe.load_path(toy)


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
def test_every_carried_recipe_is_read(suite: str, name: str) -> None:
    source = recipe.load_named(suite, name).recipe.source
    assert len(source.revision) == (64 if source.package else 40)


@pytest.mark.parametrize("suite", recipe.suite_names())
def test_every_carried_suite_orders_its_recipes(suite: str) -> None:
    assert set(recipe.load_suite(suite).order) == set(recipe.implementations(suite))


def refusal(path: Path) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load(path)
    assert str(caught.value).isprintable()
    return caught.value


def test_all_missing_keys_are_told_at_once(toy: Path) -> None:
    edit(toy, "environment:\n  kind: current\n", "")
    for line in ("framework: none\n", "  commit: ", "  resume: there is none\n"):
        text = toy.read_text()
        start = text.index(line)
        toy.write_text(text[:start] + text[text.index("\n", start) + 1 :])
    refused = refusal(toy)
    missing = "source.commit, guards.resume, framework, environment"
    assert str(refused) == f"{toy}:2: missing: {missing}; add these keys"


def test_all_that_does_not_fit_is_told_at_once(toy: Path) -> None:
    edit(toy, "framework: none", "framewrk: none")
    edit(toy, "per_device: 4", "per_device: four")
    edit(toy, "  resume: there is none\n", "")
    assert str(refusal(toy)) == (
        f"{toy}:3: line 3: framewrk: unknown key (did you mean 'framework'?);"
        " line 10: workload.per_device: 'four' is not of type int (correct the value);"
        " missing: guards.resume; correct these"
    )


def test_what_is_wrong_all_over_is_told_in_short(toy: Path) -> None:
    toy.write_text("".join(f"key{i}: {i}\n" for i in range(10_000)))
    assert len(str(refusal(toy))) < 2000


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("per_device: 4", "per_device: 0", 10, "workload.per_device: expected a whole"),
        ("per_device: 4", f"per_device: 0x{'F' * 6000}", 10, "is not of type int"),
        ("every: 10", "every: -5", 18, "log.every: expected a whole number of at least 1"),
        ("stall_limit_s: 60", "stall_limit_s: 0", 13, "expected a number above 0"),
        ('"{python} train.py 60 0.002"', '""', 12, "expected a list that is not empty"),
        ('"{python} train.py 60 0.002"', "[]", 12, "expected a list that is not empty"),
        ("title: Toy", r'title: "To\0y"', 2, "title: 'To\\x00y' has a control character"),
        ("title: Toy", r'title: "To\e[2Jy"', 2, "'To\\x1b[2Jy' has a control character"),
        ("title: Toy", '"ti\\etle": Toy', 2, "has a control character"),
        ("(?P<value>", "a{99999999999}(?P<value>", 16, "is not a valid regular expression"),
        ("kind: current", "kind: [current]", 8, "environment.kind: expected str, not a list"),
        ("title: Toy", "title: ~", 2, "title: has no value"),
    ],
)
def test_what_no_run_could_have_is_refused(
    toy: Path, old: str, new: str, line: int, message: str
) -> None:
    edit(toy, old, new)
    refused = refusal(toy)
    assert message in str(refused)
    assert (refused.file, refused.line) == (str(toy), line)
    assert len(str(refused)) < 600


def test_what_aliases_repeat_is_bounded(toy: Path) -> None:
    words = ", ".join(["word"] * 20_000)
    steps = ", ".join(["*words"] * 20_000)
    edit(toy, "  kind: current", f"  kind: current\n  probe: &words [{words}]\n  build: [{steps}]")
    assert "larger than 1 MiB with what its aliases repeat" in str(refusal(toy))


def test_only_regular_files_are_read(toy: Path, tmp_path: Path) -> None:
    edit(toy, "  commit:", "  patches: [pipe.patch]\n  commit:")
    os.mkfifo(tmp_path / "pipe.patch")
    shutil.move(tmp_path / "pipe.patch", toy.parent)
    assert "Not a regular file" in str(refusal(toy))
    toy.unlink()
    os.mkfifo(toy)
    assert "Not a regular file" in str(refusal(toy))
    toy.unlink()
    toy.symlink_to("/dev/zero")
    assert "Not a regular file" in str(refusal(toy))
