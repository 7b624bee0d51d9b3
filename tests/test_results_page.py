"""`mrbench results build`: levels, what is refused, hostile records, what is kept, the page."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace
from selenium import webdriver

import browser as chromium
from archives import make, make_key
from browser import js, scroll_through
from keptruns import kept_run
from mrbench import cli
from mrbench.cli.commands.schema import make_schema
from mrbench.model.inputs import Window
from mrbench.model.ledger import PlanRuns
from mrbench.model.record import Packed, PackedRecord, Validity
from mrbench.record import rundir
from mrbench.record.archive import opened
from mrbench.record.signature import sign
from mrbench.results.report.figures import history
from mrbench.results.report.gather import ReportContent
from mrbench.results.report.page import build
from mrbench.results.repository.site import chapters, command
from mrbench.results.repository.verified import Verified
from mrbench.results.selection import of_rows
from needs import skip_without
from reported import HOSTILE

OTHER = "ab" * 20  # another commit
SLOWER = "cd" * 20
Results = dict[str, Any]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with runs of alice, of bob who agrees or not, and of nobody."""
    skip_without("signing")
    root = tmp_path_factory.mktemp("results") / "numbers"
    keys = {name: make_key(root.with_name(name)) for name in ("alice", "bob")}
    made: dict[str | None, list[tuple[float, str]]] = {
        "alice": [(1.0, ""), (1.004, ""), (1.0, OTHER), (1.003, OTHER), (1.0, SLOWER)],
        "bob": [(1.002, ""), (1.005, ""), (1.25, OTHER), (1.2503, OTHER), (1.0, SLOWER)],
        None: [(0.9, "")],
    }
    number = 0
    for who, runs in made.items():
        for pace, commit in runs:
            number += 1
            archive = make(root, number, pace=pace + number / 1e4, commit=commit, host=str(who))
            if who:
                sign(archive, root.with_name(who))
    lines = [f"{name}@example.org {key.read_text()}" for name, key in keys.items()]
    (root / "allowed_signers").write_text("".join(lines))
    return root


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(repository, tmp_path_factory.mktemp("site"), 0)


def _build(root: Path, site: Path, code: int) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MRBENCH_HOME", str(root.with_name("home")))
        assert cli.main(["results", "build", str(root), "-o", str(site)]) == code
    return site


def _results(site: Path) -> Results:
    found: Results = json.loads((site / "results.json").read_text())
    jsonschema.validate(found, make_schema("results"))
    return found


def test_levels_are_what_was_done_to_check_a_number(built: Path) -> None:
    rows = {(row.get("signer"), row["commit"]): row for row in _results(built)["rows"]}
    assert len(rows) == 7
    alice, bob = "alice@example.org", "bob@example.org"
    (own,) = {commit for name, commit in rows if name is None}
    for one, other in ((alice, bob), (bob, alice)):
        assert rows[one, own]["level"] == "reproduced"
        assert f" times {other}'s (95 % interval)" in rows[one, own]["level_reason"]
        assert rows[one, OTHER]["level"] == "recomputed"
        assert rows[one, OTHER]["level_reason"].startswith("not reproduced: ")
        assert rows[one, SLOWER]["level"] == "recomputed"
        assert "takes two runs of each" in rows[one, SLOWER]["level_reason"]
    assert [rows[None, own][key] for key in ("level", "level_reason")] == ["recomputed", "unsigned"]
    assert {row["repeats"] for row in rows.values()} == {1, 2}


def test_each_number_leads_to_its_archive_and_its_command(built: Path, repository: Path) -> None:
    page = (built / "index.html").read_text()
    found = _results(built)
    assert f"<summary>All runs: {len(found['archives'])}</summary>" in page
    for name in found["archives"]:
        assert f'href="{name}"' in page
        assert (built / name).read_bytes() == (repository / name).read_bytes()
    assert len(list(built.rglob("*.intoto.json.sig"))) == len(found["archives"]) - 1
    for row in found["rows"]:
        words = row["command"].split()
        assert words[:5] == ["mrbench", "run", "today-smoke", "--impl", "minimask"]
        assert ("--commit" in words) != row["pinned"]
        assert f"<code>{row['command']}</code>" in page


def test_badges_have_the_highest_level(built: Path) -> None:
    told = json.loads((built / "badge" / "today-smoke-minimask.json").read_text())
    assert told["schemaVersion"] == 1
    assert re.fullmatch(r"0\.36\S* .*img/s, reproduced", told["message"]), told
    drawn = ET.fromstring((built / "badge" / "today-smoke-minimask.svg").read_text())  # noqa: S314 - ours
    texts = {node.text for node in drawn.iter() if node.tag.endswith(("}text", "}title"))}
    assert texts == {f"{told['label']}: {told['message']}"}


def test_altered_and_repeated_archives_are_listed_without_a_number(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(repository, tmp_path / "copy" / "numbers")
    shutil.copytree(repository.with_name("home"), root.with_name("home"))
    _build(root, tmp_path / "site", 0)
    first, second, *others = sorted(root.glob("runs/*/*/*/*.tar.gz"))
    raw = bytearray(first.read_bytes())
    raw[len(raw) // 2] ^= 1
    first.write_bytes(raw)
    again = second.with_name(f"z{second.name}")
    shutil.copy(second, again)
    cut = others[0]
    cut.write_bytes(cut.read_bytes()[:100])
    site = _build(root, tmp_path / "site", 7)
    found = _results(site)
    why = found["not_shown"]
    assert set(why) == {path.relative_to(root).as_posix() for path in (first, again, cut)}
    assert "is the same run as" in why[again.relative_to(root).as_posix()]
    assert str(root) not in "".join(why.values())
    assert not set(found["archives"]) & set(why)
    known = {"-".join(row["folders"][-1].split("/")[1:4:2]) for row in found["rows"]}
    assert {path.stem for path in (site / "badge").iterdir()} <= known  # none of the first build
    page = (site / "index.html").read_text()
    assert all(name in page and not (site / name).exists() for name in why)
    told = capsys.readouterr()
    assert len(told.err.splitlines()) == 3
    assert "3 files not shown" in told.out


@pytest.mark.usefixtures("built")
def test_what_is_known_of_an_archive_is_kept_until_it_or_the_signers_change(
    repository: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(repository, tmp_path / "copy" / "numbers")
    shutil.copytree(repository.with_name("home"), root.with_name("home"))
    kept = root.with_name("home") / "verified"
    for file in kept.iterdir():
        file.write_text(file.read_text().replace("alice@example.org", "kept@example.org"))
    names = set(kept.iterdir())

    def signers(site: Path) -> set[str | None]:
        return {row.get("signer") for row in _results(site)["rows"]}

    both = {None, "bob@example.org"}
    assert signers(_build(root, tmp_path / "site", 0)) == both | {"kept@example.org"}
    assert set(kept.iterdir()) == names
    make(root, 99, pace=0.99)
    _build(root, tmp_path / "site", 0)
    assert len(set(kept.iterdir()) - names) == 1
    with (root / "allowed_signers").open("a") as known:
        known.write("# a comment\n")
    assert signers(_build(root, tmp_path / "site", 0)) == both | {"alice@example.org"}


def test_a_change_is_shaded_and_a_record_without_a_digest_is_self_reported() -> None:
    record = rundir.load(kept_run("today-smoke", "minimask") / "record.json")
    assert record.measurement
    runs = []
    for number in range(20):
        rate = (0.35 if number < 10 else 0.30) * (1 + number % 3 / 1000)
        measured = replace(record.measurement, throughput=rate, interval=None)
        started = f"2026-01-{number + 1:02}T00:00:00Z"
        packed = Packed(mrbench="0.4.0", record=PackedRecord(sha256="", size_bytes=1, digest="d"))
        packed = (
            replace(packed, record=replace(packed.record, digest=None)) if not number else packed
        )
        of_run = {"packed": packed, "id": f"a/b/{number}", "files": None}
        runs.append(replace(record, measurement=measured, started=started, **of_run))
    found = [(f"{i}.tar.gz", Verified(findings=(), record=r)) for i, r in enumerate(runs)]
    (chapter,), left = chapters(found)
    assert not left
    (figure,) = history.figures(chapter, "key")
    (shade,) = json.loads(json.dumps(figure.layout["shapes"]))
    assert (shade["x0"], shade["x1"]) == (10, 11)
    ((when, ratio, *_),) = figure.table.rows
    assert (when, ratio) == ("2026-01-11T00:00:00Z", "0.857")
    assert [row.level for row in chapter.rows] == ["self-reported"]
    (chapter,), _ = chapters(found[1:])
    assert [row.level for row in chapter.rows] == ["recomputed"]


def test_two_signers_of_one_ledger_reproduce_nothing_and_leave_nothing_out() -> None:
    record = rundir.load(kept_run("today-smoke", "minimask") / "record.json")
    assert record.measurement
    valid = tuple(f"a/b/{number}" for number in range(4))
    original = PackedRecord(sha256="", size_bytes=1, digest="d")
    packed = Packed(mrbench="0.5.0", record=original, of_plan=PlanRuns(became={"valid": valid}))
    found = []
    for number, name in enumerate(valid):
        measured = replace(record.measurement, throughput=0.35 + number % 2 / 1000, interval=None)
        one = replace(record, measurement=measured, id=name, packed=packed, files=None)
        signer = "alice" if number < 2 else "bob"
        found.append((f"{number}.tar.gz", Verified(findings=(), record=one, signer=signer)))
    (chapter,), _ = chapters(found)
    assert [row.level for row in chapter.rows] == ["recomputed", "recomputed"]
    assert all("of the same ledger" in str(row.level_reason) for row in chapter.rows)
    assert [(row.repeats, row.ledger_runs) for row in chapter.rows] == [(2, 4), (2, 4)]
    assert not of_rows(chapter.rows), "what one row lacks stands in the other"
    assert "2 valid, in no row here" in of_rows(chapter.rows[:1])[0]


def test_notes_of_earlier_runs_alone_make_no_empty_table() -> None:
    record = rundir.load(kept_run("today-smoke", "minimask") / "record.json")
    quiet = replace(record, validity=Validity(verdict="valid"), telemetry=None, files=None)
    forced = replace(quiet, id="a/b/0", started="2026-01-01T00:00:00Z", forced=("no GPU",))
    found = [
        (f"{i}.tar.gz", Verified(findings=(), record=each))
        for i, each in enumerate((forced, quiet))
    ]
    text = build(ReportContent(chapters=chapters(found)[0], left_out=[]))
    assert "Notes and what to do (the newest run of each row is valid without a note)" in text
    assert "-concerns" not in text


def test_what_left_the_repository_leaves_the_page_and_strays_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "numbers", tmp_path / "site"
    window = msgspec.convert({"first": 2, "last": 9}, Window)
    first = make(root, 1)
    second = make(root, 2, pace=1.01, implementation="other", window=window)
    _build(root, out, 0)
    own = out / "runs" / "mine.txt"
    own.write_text("not of a build")
    text = (out / "index.html").read_text()
    assert "Measured: iterations 3 to 9 or " in text
    second.unlink()
    stray = root / "runs" / "no te\x1b.txt"
    stray.write_text("")
    capsys.readouterr()
    _build(root, out, 7)
    assert "runs/no te .txt: is no file runs/SUITE" in capsys.readouterr().err
    archives = [path.relative_to(out) for path in out.rglob("*.tar.gz")]
    assert archives == [first.relative_to(root)]
    assert {path.stem for path in (out / "badge").iterdir()} == {"today-smoke-minimask"}
    assert own.exists()
    text = (out / "index.html").read_text()
    assert "no te .txt" in text
    assert "Measured: iterations 3 to 9" not in text


def test_hostile_records_stay_text(tmp_path: Path) -> None:
    root = tmp_path / "numbers"
    archive = make(root, 1, pace=0.98, cpu=HOSTILE, title=HOSTILE)
    with opened(str(archive), tmp_path) as run:
        plan = rundir.load(run.folder.record).plan
    assert "'" not in command(plan)
    site = _build(root, tmp_path / "site", 0)
    text = (site / "index.html").read_text()
    assert "<img" not in text
    assert "\x1b" not in text
    assert len(_results(site)["archives"]) == 1
    assert len(list((site / "badge").iterdir())) == 2


def test_there_must_be_a_repository_and_another_folder(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["results", "build", str(tmp_path)]) == 1
    assert "is no results repository" in capsys.readouterr().err
    (tmp_path / "index.html").write_text("mine")
    assert cli.main(["results", "build", str(repository), "-o", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert (len(told.splitlines()), "is not by `mrbench results build`" in told) == (1, True)
    assert [path.read_text() for path in tmp_path.glob("*.*")] == ["mine"]
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "runs").symlink_to(repository / "runs")
    for out in (repository.parent, repository, repository / "runs", tmp_path / "linked"):
        assert cli.main(["results", "build", str(repository), "-o", str(out)]) == 1
        assert "the repository lies there" in capsys.readouterr().err


@pytest.fixture
def driver(built: Path, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    skip_without("browser")
    with chromium.running(tmp_path) as driver:
        driver.get("about:blank")
        chromium.requests(driver)
        driver.get((built / "index.html").as_uri())
        yield driver


def test_the_page_is_quiet_drawn_and_fits(driver: webdriver.Chrome, built: Path) -> None:
    for width in (390, 820, 1440):
        chromium.resize(driver, width, 900)
        scroll_through(driver)
        assert js(driver, "return document.documentElement.scrollWidth") <= width
    assert chromium.complaints(driver) == []
    allowed = ((built / "index.html").as_uri(), "data:", "blob:")
    assert [url for url in chromium.requests(driver) if not url.startswith(allowed)] == []
    points = "return document.querySelectorAll('[data-figure*=history] .points path').length"
    assert js(driver, points) == 11
    links = js(driver, "return [...document.querySelectorAll('td a, th a')].map(a => a.href)")
    assert links
    assert all(Path(link.removeprefix("file://")).is_file() for link in links)
