"""The bench of accuracy: mrbench keeps to what a log's digits allow, naive ways do not."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from mrbench.model.measurement import Measurement

BENCH = Path(__file__).parent / "bench"
RUNS = 20


def worst(table: str) -> dict[str, dict[str, float]]:
    """Return the worst error in percent by format and way of reading."""
    header, *rows = (line for line in table.splitlines()[1:] if not line.startswith("-"))
    names = [header[i : i + 16].strip() for i in range(24, len(header), 16)]
    found = {}
    for row in rows:
        cells = row[24:].split()
        pairs = zip(names, cells, strict=True)
        found[row[:24].strip()] = {n: float(c.split("/")[-1]) for n, c in pairs if c != "-"}
    return found


def test_mrbench_is_right_where_naive_ways_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import accuracy

    accuracy.main(RUNS)
    table = capsys.readouterr().out
    assert "!" not in table
    found = worst(table)
    assert list(found)[:7] == [
        *("detectron2", "maskrcnn-benchmark", "tensorpack", "mmdetection"),
        *("simpledet", "detectron", "matterport"),
    ]
    for name, errors in found.items():
        assert errors["mrbench"] <= max(0.1, 1.02 * errors["digits"]), name
    # running means, printed digits and stalls: what the naive ways fall for
    for name in ("detectron2", "maskrcnn-benchmark", "detectron", "matterport"):
        assert found[name]["mean of times"] > 3
        assert found[name]["last"] > 3
    assert found["detectron2"]["medians"] > 3
    assert found["tensorpack"]["time stamps"] > 3  # pauses between the epochs
    assert found["mmdetection"]["time stamps"] < 0.01  # milliseconds, and nothing in between


def test_a_reading_that_is_wrong_is_marked_and_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import accuracy
    from cases import Case

    right = accuracy.by_mrbench

    def wrong(case: Case, text: str) -> Measurement:
        found = right(case, text)
        rate = found.throughput
        return replace(found, throughput=None if rate is None else 1.002 * rate)

    monkeypatch.setattr(accuracy, "by_mrbench", wrong)
    with pytest.raises(SystemExit, match="larger than"):
        accuracy.main(2)
    rows = capsys.readouterr().out.splitlines()
    assert "!" in next(row for row in rows if row.startswith("detectron2 "))
    assert "!" not in next(row for row in rows if row.startswith("matterport "))


def test_no_clock_that_is_wrong_makes_a_wrong_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import clocks

    clocks.main(2)
    rows = {row[:32].strip(): row[32:].split() for row in capsys.readouterr().out.splitlines()[2:]}
    for fault in ("nothing wrong", "a buffer of 4,096 bytes", "own: right means"):
        logs, right, *_ = rows[fault]
        assert right == logs, fault
    for fault in ("milliseconds", "cumulative time", "dispatch of the call"):
        assert rows[f"own: {fault}"][1:4] == ["0", "2", "0"], fault
    # the line itself says that it is a time, so that the arrival of the lines leads
    assert rows["own: rate of one GPU of 8"][1:4] == ["2", "0", "0"]
