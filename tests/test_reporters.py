"""How checks are told: every format is read back by somebody else's reader, whatever texts say."""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from mrbench.checks.reporters import FORMATS, annotation, exit_code, step_summary, summary
from mrbench.model.finding import Finding

GOOD = Finding(
    topic="sample",
    subject="2019/detectron2",
    outcome="ok",
    text="59.1 img/s",
    figures={"throughput": 59.1, "ratio": float("nan")},
)
BAD = Finding(
    topic="commits",
    subject="2019/x",
    outcome="failed",
    text="'main' can move",
    remedy="give 40 digits",
    file="recipes/2019/x.yaml",
    line=5,
)
OPEN = Finding(topic="rate", subject="2019/y", outcome="inconclusive", text="too noisy")
LEFT = Finding(topic="lock", subject="2019/y", outcome="not checked", text="none", remedy="add one")
ALL = (GOOD, BAD, OPEN, LEFT)
HOSTILE = (
    "]]></failure><x>&amp; \x1b[31m\x00\ufffe\ud800 ::error::a%0Ab\r\n::warning::c,d:e"
    " | a | `b` <script>alert(1)</script> [x](javascript:y) ![i](http://e) @all #1 \\| *b* www."
)
texts = st.text(max_size=30) | st.just(HOSTILE)
anything = st.builds(
    Finding,
    topic=texts,
    subject=texts,
    outcome=st.sampled_from(["ok", "failed", "inconclusive", "note", "not checked"]),
    text=texts,
    remedy=texts,
    file=texts,
    line=st.none() | st.integers(1, 10**6),
    figures=st.dictionaries(texts, st.floats(), max_size=2),
)


def written(name: str, checks: Sequence[Finding]) -> str:
    out = io.StringIO()
    FORMATS[name](checks, out, "check")
    return out.getvalue()


@pytest.mark.parametrize(
    ("checks", "code", "text"),
    [
        ((), 0, "nothing was checked"),
        ((GOOD,), 0, "1 check: 1 ok"),
        ((GOOD, LEFT), 0, "2 checks: 1 ok, 1 not checked"),
        ((GOOD, OPEN), 8, "2 checks: 1 ok, 1 inconclusive"),
        (ALL, 7, "4 checks: 1 ok, 1 failed, 1 inconclusive, 1 not checked"),
    ],
)
def test_a_failure_counts_more_than_a_doubt(
    checks: tuple[Finding, ...], code: int, text: str
) -> None:
    assert (exit_code(checks), summary(checks)) == (code, text)


def test_plain_tells_what_where_and_what_to_do() -> None:
    told = " ".join(written("plain", ALL).split())
    assert "failed commits recipes/2019/x.yaml:5: 'main' can move -> give 40 digits" in told
    assert told.endswith("4 checks: 1 ok, 1 failed, 1 inconclusive, 1 not checked")


def test_json_has_all_and_no_nan() -> None:
    whole = json.loads(written("json", ALL), parse_constant=pytest.fail)
    assert (whole["outcome"], whole["exit_code"]) == ("failed", 7)
    assert whole["counts"] == {"ok": 1, "note": 0, "failed": 1, "inconclusive": 1, "not checked": 1}
    assert whole["checks"][0]["figures"] == {"throughput": 59.1, "ratio": None}
    assert whole["checks"][1]["line"] == 5


def test_junit_is_read_by_a_junit_parser() -> None:
    whole = JUnitXml.fromstring(written("junit", ALL).encode())
    assert (whole.tests, whole.failures, whole.errors, whole.skipped) == (4, 1, 1, 1)
    suites = {suite.name: list(suite) for suite in whole}
    assert {name: len(cases) for name, cases in suites.items()} == {
        "2019/detectron2": 1,
        "2019/x": 1,
        "2019/y": 2,
    }
    (failure,) = suites["2019/x"][0].result
    assert isinstance(failure, Failure)
    assert failure.message == "'main' can move -> give 40 digits"
    assert "recipes/2019/x.yaml:5" in str(failure.text)
    kinds = [type(case.result[0]) for case in suites["2019/y"]]
    assert kinds == [Error, Skipped]


def test_an_annotation_stands_at_its_line() -> None:
    assert annotation(BAD) == (
        "::error file=recipes/2019/x.yaml,line=5,title=2019/x%3A commits failed"
        "::'main' can move -> give 40 digits"
    )
    assert annotation(OPEN).startswith("::warning title=2019/y%3A rate inconclusive::")
    unsigned = Finding(topic="signature", subject="a/b", outcome="note", text="unsigned")
    assert "::notice title=a/b%3A signature note::unsigned\n" in written("github", [unsigned])


def test_files_are_told_relative_to_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for file, told in [("x.yaml", "below/x.yaml"), ("/etc/x,y:z", "/etc/x%2Cy%3Az")]:
        one = Finding(topic="c", subject="s", outcome="failed", text="t", file=file)
        assert f"file={told}," in annotation(one)


def test_the_summary_is_appended_to_the_file_that_github_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    printed = written("github", ALL).splitlines()
    assert [line.partition(" ")[0] for line in printed] == ["::error", "::warning", "mrbench"]
    text = file.read_text()
    assert text.startswith("before\n## mrbench check\n")
    assert text.index("59.1 img/s") < text.index("give 40 digits")
    many = step_summary(ALL * 6)
    assert many.index("give 40 digits") < many.index("<details>") < many.index("59.1 img/s")


def test_a_summary_that_github_would_drop_is_cut() -> None:
    many = [BAD] * 10_000
    assert len(step_summary(many).encode()) < 1 << 20
    assert "10000 failed" in step_summary(many)


@settings(max_examples=60)
@given(checks=st.lists(anything, max_size=4))
def test_whatever_texts_say_the_formats_hold(checks: list[Finding]) -> None:
    assert json.loads(written("json", checks))["counts"]["failed"] == sum(
        check.outcome == "failed" for check in checks
    )
    whole = JUnitXml.fromstring(written("junit", checks).encode())
    assert whole.tests == len(checks)
    assert sum(len(list(suite)) for suite in whole) == len(checks)
    commands = written("github", checks).splitlines()
    loud = [check for check in checks if check.outcome not in ("ok", "not checked")]
    assert len(commands) == len(loud) + 1
    for command in commands[:-1]:
        assert re.fullmatch(r"::(error|warning|notice) [^:]*::[^\r\n]*", command)
    summed = step_summary(checks)
    rows = [row for row in summed.splitlines() if row.startswith("| ")]
    assert len(rows) == len(checks) + bool(checks)
    for row in rows:
        assert row.count("|") == 6
        assert not re.search(r"[<>`\[\]@\\*]|://", row)
    plain = written("plain", checks)
    assert all(c.isprintable() for c in plain.replace("\n", ""))
