"""Where things are kept, and how files come into being."""

import resource
from pathlib import Path

import pytest

from mrbench.errors import UnavailableError
from mrbench.files import home, in_place_of, write_whole


def test_the_variables_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MRBENCH_HOME", "relative/..//own")
    assert home() == tmp_path / "own"
    monkeypatch.delenv("MRBENCH_HOME")
    assert home() == tmp_path / "cache" / "mrbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert home() == Path.home() / ".cache" / "mrbench"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", b"third")
    assert sorted(p.name for p in tmp_path.iterdir() if "home" not in p.name) == ["file", "folder"]


def _give_up(path: Path) -> None:
    with in_place_of(path) as file:
        file.write(b"more than there is room for")
        raise UnavailableError("told")


def test_what_ended_a_download_is_told_although_the_disk_is_full(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(UnavailableError, match="told"):
            _give_up(tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob(".file*"))
