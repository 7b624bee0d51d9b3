"""The suites today and today-smoke: what is equal, what differs, and the name they absorbed."""

import shutil
from pathlib import Path

import pytest

from keptruns import judged_again, kept_run
from mrbench.cli import main
from mrbench.recipe import load

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
    kept = kept_run("smoke", "torchvision")
    folder = tmp_path / "modern" / "torchvision" / kept.name
    shutil.copytree(kept, folder)
    for words in (["table", "modern"], ["runs", "--suite", "modern"], ["report", "modern"]):
        output = ["-o", str(tmp_path / "report.html")] if words[0] == "report" else []
        assert main([*words, "--runs", str(tmp_path), *output]) == 0
    assert "torchvision" in capsys.readouterr().out


@pytest.mark.parametrize("name", load.implementations("today-smoke"))
def test_a_kept_run_gives_its_number_again(name: str, tmp_path: Path) -> None:
    record, again = judged_again("today-smoke", name, tmp_path)
    assert record["validity"]["verdict"].startswith("valid")
    assert again.status == "ok"
    assert again.throughput == record["measurement"]["throughput"]
    assert main(["verify", str(kept_run("today-smoke", name))]) == 0


def test_both_suites_have_the_same_implementations_from_the_same_sources() -> None:
    assert load.implementations("today") == load.implementations("today-smoke")
    for name in load.implementations("today"):
        large, small = (load.load_named(suite, name).recipe for suite in SUITES)
        assert large.source == small.source
        assert large.log.format == small.log.format


@pytest.mark.parametrize("suite", SUITES)
def test_a_difference_is_of_recipes_that_are_there(suite: str) -> None:
    known = set(load.implementations(suite))
    for each in load.load_suite(suite).differences:
        assert set(each.of) <= known
        assert each.why
