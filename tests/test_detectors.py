"""The suites detectors and detectors-smoke: what they pin, what they train, and runs kept."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from keptruns import judged_again
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data.synth import synthesize
from mrbench.recipe import load
from pins import assert_pinned

NAME = "detectors"
SOURCE = Path(__file__).parents[1] / "mrbench" / "embedded" / NAME
SUITES = ("detectors", "detectors-smoke")
TRAINERS = ("rf-detr-seg", "mask2former", "rtdetrv2", "d-fine")  # of the folder `detectors`


def test_both_suites_have_the_same_detectors_told_apart_by_the_same_lines() -> None:
    assert set(load.implementations("detectors")) == set(load.implementations("detectors-smoke"))
    for name in load.implementations("detectors"):
        large, small = (load.load_named(suite, name).recipe for suite in SUITES)
        assert large.source == small.source
        assert large.log.format == small.log.format
        assert large.guards.resume == small.guards.resume


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", TRAINERS)
def test_the_pins_are_those_of_the_files(suite: str, name: str) -> None:
    assert_pinned(NAME, suite, name)


def test_nothing_beneath_these_trainers_differs() -> None:
    for suite in SUITES:
        recipes = [load.load_named(suite, name).recipe for name in TRAINERS]
        assert len({recipe.environment for recipe in recipes}) == 1
        assert all(recipe.launch.variables["HF_HUB_OFFLINE"] == "1" for recipe in recipes)


@pytest.fixture
def coco(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing new in the package's folder
    monkeypatch.delitem(sys.modules, "coco", raising=False)  # torchvision_maskrcnn has one, too
    return importlib.import_module("coco")


@pytest.mark.parametrize("flip", [False, True])
def test_boxes_and_the_map_of_objects_lie_on_the_same_objects(
    coco: ModuleType, tmp_path: Path, *, flip: bool
) -> None:
    synthesize(tmp_path / "data", SyntheticData(images=16, like="coco"))
    entries = coco.read(tmp_path / "data")
    for entry in entries:
        pixels = coco.picture(entry, flip=flip)
        places = coco.map_of_objects(entry, flip=flip)
        assert places.shape == (entry.height, entry.width) == (pixels.height, pixels.width)
        assert len(entry.labels) == len(entry.objects)
        for place, (x, y, width, height) in enumerate(coco.boxes(entry, flip=flip), start=1):
            rows, columns = (places == place).nonzero()
            if len(rows):  # not all of it is hidden by later ones
                assert x - 1.5 <= columns.min() <= columns.max() <= x + width + 0.5
                assert y - 1.5 <= rows.min() <= rows.max() <= y + height + 0.5
    assert {label for entry in entries for label in entry.labels} <= set(range(80))


@pytest.mark.parametrize("name", TRAINERS)
def test_a_kept_run_gives_its_number_again(name: str, tmp_path: Path) -> None:
    record, again = judged_again("detectors-smoke", name, tmp_path)
    assert record["status"] == again.status == "ok"
    assert again.throughput == record["measurement"]["throughput"]
    assert (again.clock, again.second_clock) == ("arrival", "log")
    assert again.agreement == pytest.approx(1, abs=0.02)
