"""A run's own copy of the source, with links to data that stay inside it."""

from pathlib import Path

import pytest

from mrbench.doctor.inputs import missing_data
from mrbench.errors import WorkspaceError
from mrbench.model.inputs import WeightsFile
from mrbench.prepare import run_copy, weights


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "template"
    (folder / "datasets").mkdir(parents=True)
    (folder / "datasets" / "README").write_text("x")
    (folder / "out").symlink_to("/tmp")  # noqa: S108 - a link that leaves the checkout
    return folder


def test_links_go_where_upstream_looks(template: Path, tmp_path: Path) -> None:
    data = tmp_path / "coco"
    data.mkdir()
    (data / "x.json").write_text("{}")
    links = [("datasets/coco", data), ("deep/er/link", data / "x.json")]
    copy = run_copy.arrange(template, tmp_path / "copy", links)
    assert (copy / "datasets" / "coco" / "x.json").read_text() == "{}"
    assert (copy / "deep" / "er" / "link").read_text() == "{}"
    assert (copy / "datasets" / "README").read_text() == "x"
    assert not (template / "datasets" / "coco").exists()


@pytest.mark.parametrize("name", ["out/link", "datasets/README"])
def test_a_link_neither_leaves_nor_replaces(template: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match="correct the recipe"):
        run_copy.arrange(template, tmp_path / "copy", [(name, tmp_path)])


def test_missing_data_is_named_with_its_remedy(tmp_path: Path) -> None:
    assert "--data DIR" in str(missing_data(("a",), None))
    assert "lacks a" in str(missing_data(("a",), tmp_path))
    (tmp_path / "a").mkdir()
    assert missing_data(("a",), tmp_path) is None


def test_weights_are_checked_by_size_and_digest(tmp_path: Path) -> None:
    good = "5d41402abc4b2a76b9719d911017c592"  # md5 of "hello"
    item = WeightsFile(file="x/w.pkl", url="https://example.org/w", size_bytes=5, md5=good)
    assert "missing" in str(weights.problem(item, tmp_path))
    path = tmp_path / "x" / "w.pkl"
    path.parent.mkdir()
    path.write_text("hallo")
    told = str(weights.problem(item, tmp_path))
    assert good in told
    assert weights.file_digest(path, "md5") in told
    path.write_text("hello!")
    assert "6 bytes" in str(weights.problem(item, tmp_path))
    path.write_text("hello")
    assert weights.problem(item, tmp_path) is None
