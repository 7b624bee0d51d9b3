"""The drawn dataset of a recipe in the cache: told where it was damaged, and drawn anew."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from mrbench.doctor.inputs import data as data_findings
from mrbench.model.inputs import SyntheticData
from mrbench.model.places import Places
from mrbench.prepare.data import drawn
from mrbench.recipe.load import load_named
from mrbench.recipe.plan import make_plan

SPEC = SyntheticData(images=16, width=160, height=120, seed=3)


@pytest.mark.parametrize("damage", ["gone", "junk", "unlisted"])
def test_a_drawn_dataset_that_was_damaged_is_told_and_drawn_anew(
    tmp_path: Path, damage: str
) -> None:
    drawn.obtain(SPEC, lambda _: None)
    place = drawn.folder(SPEC)
    assert drawn.changed(SPEC) == []
    (place / "train2017" / "cache").write_text("a training's own")
    assert drawn.changed(SPEC) == []
    shutil.copytree(place, tmp_path / "sound")
    if damage == "gone":
        shutil.rmtree(place / "train2017")
    elif damage == "junk":
        (place / "train2017" / "000000000001.jpg").write_bytes(b"junk")
    else:
        place.with_suffix(".json").unlink()
    plan = make_plan(load_named("demo", "minimask"))
    assert plan.data
    plan = replace(plan, data=replace(plan.data, synthetic=SPEC))
    (finding,) = data_findings([plan], Places())
    assert finding.outcome == "note"
    assert "draws them anew" in finding.remedy
    said: list[str] = []
    drawn.obtain(SPEC, said.append)
    assert "drawing 16 images anew, as the drawn data were changed" in said
    for path in (tmp_path / "sound").rglob("*.jp*g"):
        assert (place / path.relative_to(tmp_path / "sound")).read_bytes() == path.read_bytes()
    assert drawn.changed(SPEC) == []
    assert [f.outcome for f in data_findings([plan], Places())] == ["ok"]
