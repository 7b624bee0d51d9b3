"""--weights random, --data synthetic: what they make of a recipe, of its runs and their rows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.errors import RecipeError
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data.synth import synthesize
from mrbench.recipe import load
from mrbench.recipe.choices import COCOS, with_choices
from mrbench.recipe.plan import make_plan
from mrbench.run.recorder import family
from toy import edit, make_suite, mrbench

WEIGHTS = """
weights:
  - {file: toy/backbone.bin, url: "https://127.0.0.1:9/backbone.bin"}
"""
RANDOM = """
random_weights:
  arguments: --from nothing --rate {learning_rate}
  variables: {TOY: "1"}
  learning_rate_per_image: 0.001
  notes: a hundredth of the learning rate, for the loss grows otherwise
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    path = make_suite(tmp_path, git)
    edit(path, "per_device: 4", "per_device: 4\n  learning_rate_per_image: 0.1")
    edit(path, "train.py 60 0.002", "train.py 60 0.002 {weights}/toy/backbone.bin")
    path.write_text(path.read_text() + WEIGHTS)
    return path


def test_a_recipe_says_how_it_trains_without_weights(toy: Path) -> None:
    toy.write_text(toy.read_text() + RANDOM)
    file = load.load_path(toy)
    changed = with_choices(file, {"weights": "random"})
    plan, usual = make_plan(changed), make_plan(file)
    assert plan.weights == ()
    assert plan.command == (*usual.command, "--from", "nothing", "--rate", "0.004")
    assert plan.variables == {**usual.variables, "TOY": "1"}
    assert plan.starts_from.startswith("random weights: a hundredth of the learning rate")
    assert plan.label == "toy weights=random"
    assert family(changed, plan) != family(file, usual)


def test_it_may_change_how_weights_are_drawn(toy: Path) -> None:
    changes = """
random_weights:
  substitutions:
    - {text: msra, replacement: linear, files: train.py, expect_files: 1, expect_lines: 1}
  tree: 0123456789012345678901234567890123456789
"""
    toy.write_text(toy.read_text() + changes)
    source = make_plan(with_choices(load.load_path(toy), {"weights": "random"})).source
    assert [change.text for change in source.substitutions] == ["msra"]
    assert source.tree == "0123456789012345678901234567890123456789"
    assert make_plan(load.load_path(toy)).source.substitutions == ()


def test_without_that_it_is_refused_and_one_that_has_none_stays(toy: Path, tmp_path: Path) -> None:
    done = mrbench("run", "--recipe", toy, "--weights", "random", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "mrbench: toy cannot train from random weights, as far as its recipe says"
        " (random_weights); leave --weights random out, or this implementation with --impl\n"
    )
    edit(toy, WEIGHTS, "")
    file = load.load_path(toy)
    assert with_choices(file, {"weights": "random"}) is file


def test_its_runs_stand_apart_and_say_so(toy: Path, tmp_path: Path) -> None:
    toy.write_text(toy.read_text() + RANDOM)
    edit(toy, "{weights}/toy/backbone.bin", "")
    edit(toy, "  arguments: --from nothing --rate {learning_rate}\n", "")
    stored = tmp_path / "weights"
    (stored / "toy").mkdir(parents=True)
    (stored / "toy" / "backbone.bin").write_bytes(b"trained")
    for where in (stored, "random"):
        done = mrbench("run", "--recipe", toy, "--weights", where, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    table = mrbench("table", "toys", "--format", "json", cwd=tmp_path)
    rows = {row["name"]: row for row in json.loads(table.stdout)}
    assert set(rows) == {"toy", "toy weights=random"}
    assert {row["comparison_group"] for row in rows.values()} == {1, 2}
    reason = next(row["comparison_reason"] for row in rows.values() if row["comparison_reason"])
    assert "an untrained network proposes other regions" in reason
    table = mrbench("table", "toys", cwd=tmp_path)
    assert "Random weights: a hundredth of the learning rate" in " ".join(table.stdout.split())
    compared = mrbench("compare", "toy", "toy weights=random", cwd=tmp_path)
    assert compared.returncode == 7
    assert "plan.trained_from" in compared.stdout


DATA = """
data:
  layout: COCO 2017, as train2017/ and annotations/
  needs: [train2017, annotations/instances_train2017.json]
  links: {datasets/coco: .}
"""


def test_any_recipe_of_coco_is_trained_on_drawn_images(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(toy, WEIGHTS, DATA)
    edit(toy, "{weights}/toy/backbone.bin", "")
    monkeypatch.setenv("MRBENCH_HOME", str(tmp_path / "home"))
    plans = [
        make_plan(with_choices(load.load_path(toy), {"data": f"synthetic{n}"})) for n in ("", ":4")
    ]
    assert [plan.data.synthetic.images for plan in plans if plan.data and plan.data.synthetic] == [
        *(2000, 4)
    ]
    coco = tmp_path / "coco"
    synthesize(coco, SyntheticData(images=4, width=64, height=64))  # as if it were COCO
    for where in (coco, "synthetic:4"):
        done = mrbench("run", "--recipe", toy, "--data", where, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (drawn,) = filter(Path.is_dir, (tmp_path / "home" / "data").iterdir())
    assert len(list((drawn / "train2017").iterdir())) == 4
    table = mrbench("table", "toys", "--format", "json", cwd=tmp_path)
    rows = {row["name"]: row for row in json.loads(table.stdout)}
    assert set(rows) == {"toy", "toy data=synthetic:4"}
    assert {row["comparison_group"] for row in rows.values()} == {1, 2}
    assert rows["toy data=synthetic:4"]["footnote"] == (
        "Trained on 4 images that mrbench drew like COCO's, not on COCO."
    )


def test_other_data_cannot_be_drawn_and_a_recipe_s_own_stay(toy: Path) -> None:
    edit(toy, WEIGHTS, DATA.replace("COCO 2017", "Tokens"))
    with pytest.raises(RecipeError, match="trains on other data than COCO's"):
        with_choices(load.load_path(toy), {"data": "synthetic"})
    edit(toy, "Tokens", "COCO 2017")
    edit(toy, "needs: [train2017", "needs: [stuff")
    with pytest.raises(RecipeError, match="trains on other data than COCO's"):
        with_choices(load.load_path(toy), {"data": "synthetic"})
    edit(toy, "  needs:", "  synthetic: {images: 4, width: 64, height: 64}\n  needs:")
    file = load.load_path(toy)
    assert with_choices(file, {"data": "synthetic"}) is file


@pytest.mark.parametrize(
    ("keys", "whole"),
    [
        ("images: 4, like: coco", True),
        ("images: 4, like: coco, width: 64", False),
        ("images: 4, width: 64", False),
        ("images: 4", False),
    ],
)
def test_drawn_data_have_a_size_or_are_like_others(toy: Path, keys: str, *, whole: bool) -> None:
    edit(toy, WEIGHTS, f"\ndata:\n  layout: COCO\n  synthetic: {{{keys}}}\n")
    if whole:
        assert load.load_path(toy).recipe.data is not None
        return
    with pytest.raises(RecipeError, match="give either width and height, or like"):
        load.load_path(toy)


def test_what_may_be_needed_of_drawn_data_is_drawn(tmp_path: Path) -> None:
    synthesize(tmp_path / "drawn", SyntheticData(images=4, width=64, height=64))
    assert all((tmp_path / "drawn" / name).exists() for name in COCOS)
