"""`mrbench data check` on drawn datasets: whole ones pass, each kind of damage is told."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import toy
from mrbench.errors import UnavailableError
from mrbench.model.inputs import SyntheticData
from mrbench.prepare.data import inspect
from mrbench.prepare.data.inspect import Report, facts, inspect_coco
from mrbench.prepare.data.inspect.facts import Archive
from mrbench.prepare.data.synth import MARKER, counts, draw

SPEC = SyntheticData(images=16, width=64, height=48)
IMAGE = "train2017/000000000003.jpg"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "coco"
    draw(folder, SPEC)
    return folder


@pytest.fixture
def coco(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "coco"))


def look(folder: Path, archives: Path | None = None) -> Report:
    return inspect_coco(folder, archives, lambda *_: None)


def only(report: Report, level: str) -> str:
    """Return the text and remedy of the one finding."""
    (finding,) = report.findings
    assert finding.outcome == level, finding
    assert report.sound == (level == "note")
    assert finding.remedy
    assert "\n" not in finding.text + finding.remedy
    return f"{finding.file}: {finding.text}; {finding.remedy}"


def change(folder: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "annotations" / f"instances_{name}.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def as_coco(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pass the drawn set off for COCO: without the marker, with its counts as the published."""
    (folder / MARKER).unlink()
    small = {
        name: one._replace(images=counts(SPEC.images)[name], annotations=None)
        for name, one in facts.SETS.items()
    }
    for module in (inspect, inspect.compare):
        monkeypatch.setattr(module, "SETS", small)
    return folder


def test_a_drawn_dataset_is_sound(coco: Path) -> None:
    report = look(coco)
    assert report.findings == []
    assert (report.drawn, report.years, report.sound) == (True, ["2017", "2014"], True)
    assert (report.images, report.annotation_files) == (2 * 18, 6)  # the copy lost the links


def test_files_that_both_years_share_are_opened_once(template: Path) -> None:
    assert look(template).images == 18


def test_processes_find_the_same(coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (coco / IMAGE).write_bytes(b"")
    alone = look(coco)
    monkeypatch.setattr(inspect, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(inspect, "AT_A_TIME", 5)
    monkeypatch.setattr(inspect, "cores", lambda: 2)
    assert look(coco)._replace(seconds=0) == alone._replace(seconds=0)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def blank(path: Path) -> None:
    path.write_bytes(b"")


def png(path: Path) -> None:
    Image.new("RGB", (64, 48)).save(path, "PNG")


def headless(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:2] + content[200:])


def smaller(path: Path) -> None:
    written = io.BytesIO()
    Image.new("RGB", (32, 48)).save(written, "JPEG")
    path.write_bytes(written.getvalue())


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (pipe, "cannot be read (Not a regular file)"),
        (endless, "cannot be read (Not a regular file)"),
        (cut, "is cut off"),
        (blank, "is empty"),
        (png, "is no JPEG file"),
        (headless, "cannot be decoded"),
        (smaller, "is 32x48"),
    ],
)
def test_a_damaged_image_is_told(coco: Path, damage: Callable[[Path], None], told: str) -> None:
    damage(coco / IMAGE)
    text = only(look(coco), "failed")
    assert f"{coco / 'train2017'}: 1 images" in text
    assert f"{Path(IMAGE).name} {told}" in text
    assert f"mrbench data synth {coco} --images 16 --size 64x48 --seed 0" in text


def test_missing_images_are_counted(coco: Path) -> None:
    (coco / IMAGE).unlink()
    (coco / "train2017" / "000000000009.jpg").unlink()
    text = only(look(coco), "failed")
    assert "2 of 16 images are missing (the first: 000000000003.jpg)" in text


def test_images_that_nobody_names_are_a_warning(coco: Path) -> None:
    shutil.copy(coco / IMAGE, coco / "train2017" / "extra.jpg")
    assert "1 images that no annotation file names" in only(look(coco), "note")


@pytest.mark.parametrize("name", ["annotations/instances_minival2014.json", "val2017"])
def test_a_part_that_is_missing_is_told(coco: Path, name: str) -> None:
    path = coco / name
    path.unlink() if path.is_file() else shutil.rmtree(path)
    assert f"{path} is missing; remove it and draw it again" in only(look(coco), "failed")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda d: d["annotations"][0].update(image_id=999), "of images that are not listed"),
        (lambda d: d["annotations"][0].update(image_id=[1]), "is not a number"),
        (lambda d: d["annotations"][0].update(category_id=12), "that COCO does not have"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), "left, top, width, height"),
        (lambda d: d["annotations"][0].update(segmentation=[]), "neither polygons nor a mask"),
        (lambda d: d["annotations"][0].pop("area"), "that lack one of"),
        (lambda d: d["annotations"].append(d["annotations"][0]), "with the id of another"),
        (lambda d: d["categories"].pop(), "not COCO's 80"),
        (lambda d: d["images"][0].update(width=0), "without a size in pixels"),
        (lambda d: d["images"][0].update(file_name="../../x.jpg"), "is not a plain name"),
        (lambda d: d["images"][1].update(file_name=d["images"][0]["file_name"]), "of another"),
        (lambda d: d["images"][0].update(id=d["images"][1]["id"]), "more than one image"),
        (lambda d: d["images"][0].pop("height"), "without id, file_name, width or height"),
        (lambda d: d.pop("images"), "lacks one of the lists"),
    ],
)
def test_annotations_that_contradict_themselves_are_told(
    coco: Path, edit: Callable[[dict[str, Any]], object], told: str
) -> None:
    change(coco, "val2017", edit)
    report = look(coco)
    assert not report.sound
    path = coco / "annotations" / "instances_val2017.json"
    assert any(str(path) in f.file + f.text and told in f.text for f in report.findings), (
        report.findings
    )


def test_a_crowd_s_mask_is_no_polygon(coco: Path) -> None:
    mask = {"counts": [1, 2], "size": [48, 64]}
    change(coco, "val2017", lambda d: d["annotations"][0].update(segmentation=mask, iscrowd=1))
    assert look(coco).sound


def test_minival_may_repeat_annotation_ids(coco: Path) -> None:
    change(coco, "minival2014", lambda d: d["annotations"].append(d["annotations"][0]))
    assert look(coco).sound


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000])
def test_an_annotation_file_that_is_none_is_told(coco: Path, content: bytes) -> None:
    (coco / "annotations" / "instances_val2017.json").write_bytes(content)
    assert "instances_val2017.json" in only(look(coco), "failed")


def test_counts_are_compared(coco: Path) -> None:
    change(coco, "val2017", lambda d: d["images"].pop())
    text = "\n".join(f"{f.file}: {f.text}" for f in look(coco).findings)
    assert "lists 1 images, as drawn it has 2" in text
    assert "val2017 does not list the images of minival2014, as COCO does" in text


def test_another_version_s_drawing_is_a_warning(coco: Path) -> None:
    said = json.loads((coco / MARKER).read_text())
    (coco / MARKER).write_text(json.dumps(said | {"drawing": 1}))
    assert "another version of mrbench drew it" in only(look(coco), "note")


def test_without_the_marker_it_must_be_coco(coco: Path) -> None:
    (coco / MARKER).unlink()
    report = look(coco)
    assert not report.drawn
    assert not report.sound
    texts = [f"{f.file}: {f.text}" for f in report.findings]
    path = coco / "annotations" / "instances_train2017.json"
    assert f"{path}: lists 16 images, COCO's has 118,287" in texts


def test_one_year_is_enough(coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_coco(coco, monkeypatch)
    for path in (*coco.glob("*2014"), *coco.glob("annotations/*2014.json")):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    text = only(look(coco), "note")
    assert "no COCO 2014" in text
    assert "coco_annotations_minival.tgz" in text


def test_what_only_evaluation_reads_may_be_missing(
    coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_coco(coco, monkeypatch)
    shutil.rmtree(coco / "val2017")
    (coco / "annotations" / "instances_val2014.json").unlink()
    report = look(coco)
    assert report.sound
    assert [f.outcome for f in report.findings] == ["note", "note"]
    shutil.rmtree(coco / "train2014")
    assert not look(coco).sound


def test_an_empty_folder_lacks_both_years(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = look(tmp_path / "empty")
    assert [f.outcome for f in report.findings] == ["failed", "failed"]
    assert (
        "http://images.cocodataset.org/zips/train2017.zip (18.0 GiB)" in report.findings[0].remedy
    )


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Publish a small val2017.zip."""
    small = facts.ARCHIVES["val2017.zip"]._replace(
        size_bytes=6, digest=hashlib.sha256(b"images").hexdigest()
    )
    monkeypatch.setitem(facts.ARCHIVES, "val2017.zip", small)
    return small


def test_an_archive_that_is_here_is_the_remedy(
    coco: Path, tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_coco(coco, monkeypatch)
    (tmp_path / "zips").mkdir()
    (tmp_path / "zips" / archive.name).write_bytes(b"images")
    assert look(coco, tmp_path / "zips").findings == []
    (coco / "val2017" / "000000000017.jpg").unlink()
    report = look(coco, tmp_path / "zips")
    assert f"unpack {tmp_path / 'zips' / 'val2017.zip'} in {coco}" in only(report, "failed")


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"image", "5 bytes, the published one has 6"), (b"imagez", "sha256 is")],
)
def test_a_damaged_archive_is_told(coco: Path, archive: Archive, content: bytes, told: str) -> None:
    (coco / archive.name).write_bytes(content)
    text = only(look(coco), "failed")
    assert told in text
    assert archive.url in text


def test_the_minival_archive_has_an_md5(coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "coco_annotations_minival.tgz"
    (coco / name).write_bytes(b"minival")
    assert "md5 is" in only(look(coco), "failed")
    right = hashlib.md5(b"minival").hexdigest()  # noqa: S324 - as it is published
    monkeypatch.setitem(facts.ARCHIVES, name, facts.ARCHIVES[name]._replace(digest=right))
    assert look(coco).findings == []


def test_a_folder_without_archives_is_a_warning(coco: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert "holds none of COCO's archives" in only(look(coco, tmp_path / "none"), "note")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such folder"):
        look(tmp_path / "nowhere")


def test_the_published_facts_add_up() -> None:
    """118,287 is published by Detectron; the 2014 numbers must make it."""
    for name, parts in facts.SAME_IMAGES:
        assert facts.SETS[name].images == sum(facts.SETS[part].images for part in parts)
    for archive in facts.ARCHIVES.values():
        assert len(archive.digest) == {"sha256": 64, "md5": 32}[archive.algorithm]


def test_the_command_tells_and_fails(coco: Path, tmp_path: Path) -> None:
    good = toy.mrbench("data", "check", coco, cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert "drawn by mrbench, 2017 and 2014: sound; 36 images opened" in " ".join(
        good.stdout.split()
    )
    (coco / IMAGE).unlink()
    bad = toy.mrbench("data", "check", coco, cwd=tmp_path)
    assert bad.returncode == UnavailableError.exit_code
    assert "1 of 16 images are missing" in " ".join(bad.stdout.split())
    assert f"{coco / 'train2017'}" in "".join(bad.stdout.split())
    told = json.loads(toy.mrbench("data", "check", coco, "--json", cwd=tmp_path).stdout)
    assert told["sound"] is False
    assert told["findings"][0]["outcome"] == "failed"
