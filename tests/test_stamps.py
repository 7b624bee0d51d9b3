"""Reading arrival times."""

from pathlib import Path

import pytest

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import read_stamps


def test_byte_belongs_to_the_chunk_that_contains_it(tmp_path: Path) -> None:
    path = tmp_path / "train.stamps"
    path.write_text("1000000000 5\n2000000000 6\n2000000000 16\n")
    stamps = read_stamps(path)
    assert [stamps.at(end) for end in (1, 5, 6, 7, 16)] == [1.0, 1.0, 2.0, 2.0, 2.0]
    for offset in (0, -1, 17):
        with pytest.raises(MeasureError, match=f"no time for byte {offset}, only for 1 to 16"):
            stamps.at(offset)


def test_last_line_cut_short_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "train.stamps"
    for torn in ("3000000000 1", "30", "3000000000 "):
        path.write_text(f"1000000000 5\n{torn}")
        assert list(read_stamps(path).ends) == [5]


def test_silent_job_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "train.stamps"
    path.touch()
    with pytest.raises(MeasureError, match="no time for byte 1, only for 1 to 0"):
        read_stamps(path).at(1)


@pytest.mark.parametrize(
    "text",
    [
        "a b\n",
        "1\n2 3 4\n",
        "1 5\n\n",
        "1 5\n2 5\n",
        "2 5\n1 6\n",
        "1 0\n",
        "1 99999999999999999999\n",
    ],
)
def test_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.stamps"
    path.write_text(text)
    with pytest.raises(MeasureError, match="holds no arrival times"):
        read_stamps(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="gone: cannot be read"):
        read_stamps(tmp_path / "gone")
