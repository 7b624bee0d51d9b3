"""The suite smoke: the code of 2019 with small, visible changes, and runs of it that were kept."""

import os
import re
from pathlib import Path

import msgspec
import pytest

from keptruns import unpack
from mrbench import files
from mrbench.model.logformat import LogFormat
from mrbench.model.run import Exit
from mrbench.prepare import source as workspace
from mrbench.recipe import load as recipe
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan
from mrbench.record.judge import judge
from mrbench.record.rundir import RunDir

MIRROR = os.environ.get("MRBENCH_TEST_MIRROR")
SEVEN = recipe.implementations("2019")
ALL = recipe.implementations("smoke")
MAX_PATCH_LINES = 600


def load(name: str) -> RecipeFile:
    return recipe.load_named("smoke", name)


def test_it_has_all_seven_and_torchvision() -> None:
    assert set(ALL) == {*SEVEN, "torchvision"}


@pytest.mark.parametrize("name", SEVEN)
def test_it_is_the_code_of_2019(name: str) -> None:
    ours, published = load(name).recipe.source, recipe.load_named("2019", name).recipe.source
    same = [
        {**msgspec.to_builtins(source), "tree": None, "paths": None, "patches": source.patches}
        for source in (ours, published)
    ]
    assert same[0] == same[1]


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_fetched_to_start_from(name: str) -> None:
    loaded = load(name).recipe
    assert not loaded.weights
    assert loaded.starts_from
    assert loaded.data is not None
    assert loaded.data.synthetic is not None
    assert str(make_plan(load(name)).window) == "20:60"


@pytest.mark.parametrize("name", ALL)
def test_every_change_is_a_small_patch_that_names_its_stand_ins(name: str) -> None:
    file = load(name)
    adaptation = file.recipe.adaptation
    if adaptation is None:
        assert len(file.patches) == len(file.recipe.source.patches)
        return
    contents = dict(file.patches)
    text = "".join(contents[p].decode() for p in adaptation.patches)
    assert adaptation.patches == (f"smoke/{name}.patch",)
    assert len(text.splitlines()) < MAX_PATCH_LINES
    assert "GIT binary patch" not in text
    assert len(re.findall(r"^index [0-9a-f]{40}\.\.[0-9a-f]{40}", text, re.MULTILINE)) == len(
        re.findall(r"^diff --git ", text, re.MULTILINE)
    )
    for stand_in in adaptation.stand_ins:
        words = re.findall(r"[A-Za-z_]\w+", stand_in)
        assert any(word in text for word in words), f"{stand_in} is not in the patch"


@pytest.mark.skipif(
    not MIRROR,
    reason="needs the seven upstreams: MRBENCH_TEST_MIRROR names a folder of owner/name.git",
)
@pytest.mark.parametrize("name", SEVEN)
def test_the_adapted_upstream_comes_out_as_pinned(name: str) -> None:
    file = load(name)
    source = make_plan(file).source
    made = workspace.prepare(source, file.patches, MIRROR, lambda _: None)
    assert made.tree == source.tree
    assert source.tree is not None
    published = recipe.load_named("2019", name)
    before = workspace.prepare(published.recipe.source, published.patches, MIRROR, lambda _: None)
    assert (made.tree == before.tree) == (file.recipe.adaptation is None)


@pytest.mark.parametrize("name", ALL)
def test_a_kept_run_gives_its_number_again(name: str, tmp_path: Path) -> None:
    record = unpack("smoke", name, tmp_path)
    assert record["status"] == "ok"
    log = files.convert(record["plan"]["log"], LogFormat, "plan.log")
    plan = make_plan(load(name))
    assert plan.log.format == log.format
    if not plan.source.url.startswith("package:"):  # our own script has more options by now
        assert record["workspace"]["tree"] == plan.source.tree
    again = judge(RunDir(tmp_path), plan, Exit(**record["exit"]))
    assert again.status == "ok"
    assert again.throughput == record["measurement"]["images_per_second"]
