"""The suites today and today-smoke: what is equal, what differs, and the name they absorbed."""

import shutil
from pathlib import Path

import pytest

from mrbench.cli import main
from mrbench.recipe import load

KEPT = Path(__file__).parent / "kept"
SUITES = ("today", "today-smoke")


def test_modern_goes_on_as_today(capsys: pytest.CaptureFixture[str]) -> None:
    assert "modern" not in load.suite_names()
    assert load.load_named("modern", "torchvision") == load.load_named("today", "torchvision")
    assert main(["check", "modern"]) == 0
    said = capsys.readouterr()
    assert said.err == "mrbench: suite modern is now part of today\n"
    assert "today" in said.out
    assert main(["list"]) == 0
    assert "  has taken in modern, whose name goes on working\n" in capsys.readouterr().out


def test_runs_recorded_as_modern_are_still_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept,) = (KEPT / "smoke" / "torchvision").iterdir()
    folder = tmp_path / "modern" / "torchvision" / kept.name
    shutil.copytree(kept, folder)
    for words in (["table", "modern"], ["runs", "--suite", "modern"], ["report", "modern"]):
        output = ["-o", str(tmp_path / "report.html")] if words[0] == "report" else []
        assert main([*words, "--runs", str(tmp_path), *output]) == 0
    assert "torchvision" in capsys.readouterr().out


@pytest.mark.parametrize("suite", SUITES)
def test_a_difference_is_of_recipes_that_are_there(suite: str) -> None:
    known = set(load.implementations(suite))
    for each in load.load_suite(suite).differences:
        assert set(each.of) <= known
        assert each.why
