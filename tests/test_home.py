"""Where things are kept, and how files come into being."""

from pathlib import Path

import pytest

from mrbench.files import home, write_whole


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
