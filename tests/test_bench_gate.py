"""The bench of the gate: it keeps its promise where other rules do not, and says so if not."""

from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"
CHECKS = 400
SIX = ("ok", "failed", "inconclusive", "threshold", "iterations", "twice")


def rows(table: str) -> dict[str, dict[str, float]]:
    """Return the first row of each name, by column."""
    found: dict[str, dict[str, float]] = {}
    for line in table.splitlines():
        name, cells = line[:44].strip(), line[44:].split()
        if name and len(cells) == len(SIX) and cells[0][0].isdigit():
            found.setdefault(name, dict(zip(SIX, map(float, cells), strict=True)))
    return found


def test_the_promise_is_kept_and_that_of_other_rules_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import gate

    gate.main(CHECKS, followed=3)
    found = rows(capsys.readouterr().out)
    same, slower = found["really 0% slower"], found["really 5% slower"]
    assert same["failed"] <= 5
    assert slower["ok"] <= 10
    assert same["ok"] > 70
    assert same["iterations"] > 20, "iterations are not independent"
    assert slower["threshold"] < 20, "7 % misses a regression of 5 %"
    assert slower["twice"] == 0
    for name, row in found.items():
        assert sum(row[v] for v in ("ok", "failed", "inconclusive")) == pytest.approx(100, abs=0.2)
        if "2 % apart" in name:
            continue  # that no test of such runs can see
        if "0% slower" in name:
            assert row["failed"] <= 5, name
        if "5% slower" in name:
            assert row["ok"] <= 10, name
    for name in ("1 against 1: 0% slower", "1 against 5: 5% slower", "3 against 1: 5% slower"):
        assert found[name]["inconclusive"] == 100


def test_a_gate_that_breaks_its_promise_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import gate

    from mrbench.checks.baseline.verdict import Terms

    monkeypatch.setattr(gate, "TERMS", Terms(margin=0.1))
    with pytest.raises(SystemExit, match="does not keep its promise"):
        gate.main(CHECKS // 4, followed=0)
    assert "really 5% slower" in capsys.readouterr().out


def test_ratios_cover_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    import ratios

    for runs, noises in (
        ((3, 3), (0.01, 0.01)),
        ((3, 10), (0.03, 0.005)),
        ((2, 10), (0.01, 0.005)),
    ):
        found = ratios.coverage(runs, noises, 1500)
        assert found is not None
        assert 92.5 <= found[0] <= 98.5
    assert ratios.coverage((1, 3), (0.01, 0.01), 10) is None
    known = ratios.coverage((1, 3), (0.01, 0.01), 1500, stored=True)
    assert known is not None
    assert 93 <= known[0] <= 97.5
