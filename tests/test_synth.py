"""The synthetic dataset: the same bytes each time, consistent, under all names in use."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import toy
from mrbench.errors import RecipeError, UnavailableError
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data import synth
from mrbench.prepare.data.inspect import inspect_coco
from mrbench.prepare.data.synth import (
    MARKER,
    Drawn,
    counts,
    draw,
    like_coco,
    read_marker,
    synthesize,
)
from mrbench.prepare.data.workers import parallel_map
from waiting import wait_for

SPEC = SyntheticData(images=16, width=160, height=120, seed=3)
SETS = {
    "train2017": ("train2017", 16),
    "val2017": ("val2017", 2),
    "train2014": ("train2014", 14),
    "val2014": ("val2014", 4),
    "valminusminival2014": ("val2014", 2),
    "minival2014": ("val2014", 2),
}


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def load(folder: Path, name: str) -> dict[str, Any]:
    document = json.loads((folder / "annotations" / f"instances_{name}.json").read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    synthesize(tmp_path / "coco", SPEC)
    return tmp_path / "coco"


def test_the_same_seed_gives_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "deeper" / "again", SPEC)
    again = digests(tmp_path / "deeper" / "again")
    assert again == digests(drawn)
    assert len(again) == len(SETS) + 2 * (16 + 2) + len([MARKER])


def test_another_seed_gives_other_pictures(drawn: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "other", SyntheticData(images=16, width=160, height=120, seed=4))
    one, other = digests(drawn), digests(tmp_path / "other")
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


def test_a_picture_depends_on_its_seed_and_number_alone() -> None:
    more = SyntheticData(images=99, width=160, height=120, seed=3)
    assert synth.picture(SPEC, 7) == synth.picture(more, 7)
    like = [SyntheticData(images=n, like="coco", seed=3) for n in (2, 99)]
    assert synth.picture(like[0], 7) == synth.picture(like[1], 7)


def test_what_is_drawn_is_the_same_in_every_version() -> None:
    """DRAWING must count up when this changes; JPEG's own bytes may change with the library."""
    shapes = []
    for thing in synth.picture(SPEC, 7).things:
        assert isinstance(thing.segmentation, list)
        (numbers,) = thing.segmentation
        shapes.append([list(zip(numbers[::2], numbers[1::2], strict=True)), thing.category])
    text = json.dumps(shapes)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "1691025e0cb65220"


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_does_not_matter(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(synth, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(synth, "cores", lambda: processes)
    monkeypatch.setattr(synth, "AT_A_TIME", 2)
    synthesize(tmp_path / "many", SPEC)
    assert digests(tmp_path / "many") == digests(drawn)


def test_pictures_like_cocos_have_its_sizes_objects_and_bytes() -> None:
    """The figures of COCO are like_coco.py's, which says where each is from."""
    drawn = [like_coco.picture(0, number) for number in range(1, 301)]
    again = like_coco.picture(0, 300)
    assert again == drawn[-1]
    assert {drawn_.width for drawn_ in drawn} >= {640, 500, 480, 427}
    pixels = sum(each.width * each.height for each in drawn) / len(drawn)
    size_bytes = sum(len(each.jpeg) for each in drawn) / len(drawn)
    assert size_bytes == pytest.approx(163_474, rel=0.1)
    assert size_bytes / pixels == pytest.approx(0.59, rel=0.1)
    counts_ = sorted(len(each.things) for each in drawn)
    assert counts_[150] == 4
    assert sum(counts_) / len(counts_) == pytest.approx(7.27, rel=0.2)
    things = [(each, thing) for each in drawn for thing in each.things]
    single = [thing for _, thing in things if not thing.crowd]
    assert sum(thing.area < 32**2 for thing in single) / len(single) == pytest.approx(
        0.41, abs=0.04
    )
    assert sum(thing.area > 96**2 for thing in single) / len(single) == pytest.approx(
        0.24, abs=0.04
    )
    corners = [sum(len(part) // 2 for part in thing.segmentation) for thing in single]
    assert sum(corners) / len(corners) == pytest.approx(25, rel=0.1)
    crowds = [(each, thing) for each, thing in things if thing.crowd]
    assert len(crowds) / len(things) == pytest.approx(0.012, abs=0.01)
    for each, thing in crowds:
        assert isinstance(thing.segmentation, dict)
        runs = thing.segmentation["counts"]
        assert thing.segmentation["size"] == [each.height, each.width]
        assert (sum(runs), sum(runs[1::2])) == (each.width * each.height, thing.area)
    for each, thing in things:
        left, top, wide, high = thing.bbox
        assert min(left, top, wide, high) >= 0
        assert left + wide <= each.width
        assert top + high <= each.height


def test_a_set_like_coco_is_sound_and_the_same_on_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SyntheticData(images=8, like="coco", seed=5)
    synthesize(tmp_path / "one", spec)
    monkeypatch.setattr(synth, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(synth, "cores", lambda: 2)
    monkeypatch.setattr(synth, "AT_A_TIME", 1)
    synthesize(tmp_path / "two", spec)
    assert digests(tmp_path / "two") == digests(tmp_path / "one")
    assert read_marker(tmp_path / "one") == Drawn(images=8, like="coco", seed=5, drawing=1)
    report = inspect_coco(tmp_path / "one", None, lambda *_: None)
    assert report.findings == []
    assert report.images == 8 + 2


SLEEP = """
import sys, time
from mrbench.prepare.data.workers import parallel_map
if __name__ == "__main__":
    print("begun", flush=True)
    list(parallel_map(time.sleep, [300.0] * 4, processes=2))
"""


def alive(group: int) -> list[int]:
    """List the processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def test_helping_processes_end_with_the_one_they_help(tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text(SLEEP)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, start_new_session=True
    ) as first:
        wait_for(lambda: len(alive(first.pid)) >= 3, "helpers have started")
        first.kill()
    wait_for(lambda: not alive(first.pid), "all have ended")


def test_a_helper_that_is_killed_is_told() -> None:
    with pytest.raises(UnavailableError, match="a process that helped was killed"):
        list(parallel_map(os._exit, [1], processes=2))


def test_as_many_as_were_asked_for(drawn: Path) -> None:
    assert {n: len(load(drawn, n)["images"]) for n in SETS} == counts(16)
    assert read_marker(drawn) == Drawn(images=16, width=160, height=120, seed=3, drawing=2)


def test_a_user_s_folder_is_drawn_anew_only_where_it_was_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "deeper" / "coco"
    folder.mkdir(parents=True)
    assert draw(folder, SPEC)
    assert not draw(folder, SPEC)
    other = SyntheticData(images=8, width=160, height=120, seed=3)
    assert draw(folder, other)
    assert len(load(folder, "train2017")["images"]) == 8
    assert [path.name for path in folder.parent.iterdir()] == ["coco"]
    before = digests(folder)
    (folder / "mine.txt").write_text("precious")
    with pytest.raises(RecipeError, match="not a drawn dataset alone"):
        draw(folder, SPEC)
    (folder / "mine.txt").unlink()
    assert digests(folder) == before
    (folder / MARKER).unlink()
    with pytest.raises(RecipeError, match="name a new or an empty folder"):
        draw(folder, SPEC)


def test_the_command_draws(tmp_path: Path) -> None:
    words = ("data", "synth", "coco", "--images", 4, "--size", "64x48", "--seed", 1)
    done = toy.mrbench(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train2017 4, val2017 2" in done.stdout
    assert "is there already" in toy.mrbench(*words, cwd=tmp_path).stdout
    refused = toy.mrbench("data", "synth", ".", cwd=tmp_path)
    assert refused.returncode == RecipeError.exit_code
    assert toy.mrbench("data", "synth", "c", "--size", "64", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("name", SETS)
def test_annotations_agree_with_the_images(drawn: Path, name: str) -> None:
    folder, count = SETS[name]
    document = load(drawn, name)
    assert set(document) == {"info", "licenses", "images", "annotations", "categories"}
    assert len(document["images"]) == count
    for image in document["images"]:
        prefix = f"COCO_{folder}_" if folder.endswith("2014") else ""
        assert image["file_name"] == f"{prefix}{image['id']:012d}.jpg"
        with Image.open(drawn / folder / image["file_name"]) as picture:
            picture.load()
            assert picture.size == (image["width"], image["height"]) == (160, 120)
    categories = {category["id"] for category in document["categories"]}
    ids = [annotation["id"] for annotation in document["annotations"]]
    assert len(set(ids)) == len(ids)
    by_image: dict[int, int] = dict.fromkeys((i["id"] for i in document["images"]), 0)
    for annotation in document["annotations"]:
        by_image[annotation["image_id"]] += 1
        assert annotation["category_id"] in categories
        assert annotation["iscrowd"] == 0
        check_geometry(annotation)
    assert all(3 <= shapes <= 8 for shapes in by_image.values())


def check_geometry(annotation: dict[str, Any]) -> None:
    left, top, width, height = annotation["bbox"]
    assert 0 <= left < left + width <= 160
    assert 0 <= top < top + height <= 120
    ((*numbers,),) = annotation["segmentation"]
    across, down = numbers[::2], numbers[1::2]
    assert len(across) == len(down) >= 3
    assert (min(across), min(down)) == (left, top)
    assert max(across) == pytest.approx(left + width)
    assert max(down) == pytest.approx(top + height)
    assert 0.25 * width * height < annotation["area"] <= width * height


def test_the_categories_are_coco_s(drawn: Path) -> None:
    categories = load(drawn, "train2017")["categories"]
    assert len(categories) == 80
    assert len({category["supercategory"] for category in categories}) == 12
    assert categories[0] == {"supercategory": "person", "id": 1, "name": "person"}
    assert categories[-1] == {"supercategory": "indoor", "id": 90, "name": "toothbrush"}
    ids = [category["id"] for category in categories]
    assert ids == sorted(set(ids))
    assert set(range(1, 91)) - set(ids) == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}


def test_the_years_share_their_pictures_as_in_coco(drawn: Path) -> None:
    found = {name: {i["id"] for i in load(drawn, name)["images"]} for name in SETS}
    assert found["train2017"] == found["train2014"] | found["valminusminival2014"]
    assert found["val2017"] == found["minival2014"]
    assert found["val2014"] == found["minival2014"] | found["valminusminival2014"]
    assert not found["train2017"] & found["val2017"]
    old = drawn / "train2014" / "COCO_train2014_000000000001.jpg"
    assert old.read_bytes() == (drawn / "train2017" / "000000000001.jpg").read_bytes()


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    synthesize(tmp_path / "coco", SPEC)
    assert not any((tmp_path / "coco").iterdir())


def test_nothing_half_made_stays_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot write the synthetic data"):
        synthesize(tmp_path / "file" / "coco", SPEC)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["file"]


@pytest.mark.parametrize(("images", "width"), [(1, 160), (16, 20)])
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, images: int, width: int) -> None:
    spec = SyntheticData(images=images, width=width, height=120)
    with pytest.raises(RecipeError, match="needs at least 2 images of 32x32"):
        synthesize(tmp_path / "coco", spec)
