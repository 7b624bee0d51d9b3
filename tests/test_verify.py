"""Whether anyone can check a run: one that was tampered with is found, and the place named."""

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keptruns import kept_run
from mrbench.recipe import load
from mrbench.record import rundir
from mrbench.record.archive import Opened
from mrbench.record.rundir import RunDir, describe
from mrbench.record.verify import Verification
from toy import edit, make_suite, mrbench
from toyruns import copy, make_runs, record_of, rewrite

KEPT = Path(__file__).parent / "kept" / "smoke"
OLDER = Path(__file__).parent / "kept" / "format2"
CHANGED = "measurement.throughput"


def plain(path: Path) -> dict[str, Any]:
    """Return a file's digest and size as a record has them."""
    made: dict[str, Any] = msgspec.to_builtins(describe(path))
    return made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> list[Path]:
    return make_runs(tmp_path_factory.mktemp("two"), git)


@pytest.fixture
def run(two: list[Path], tmp_path: Path) -> Path:
    return copy(two[0], tmp_path)


def verify(run: Path | str, cwd: Path, code: int = 7) -> dict[str, Any]:
    done = mrbench("verify", run, "--json", cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["matches"] == (code == 0)
    assert isinstance(answer, dict)
    return answer


def mismatches(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [f for group in answer["groups"].values() for f in group if f["outcome"] == "failed"]
    return {f["key"]: f for f in found}


def reseal(name: str) -> Callable[[Path], None]:
    """Return how a careful forger goes on: a file's digest in the record, and the record's own."""

    def seal(run: Path) -> None:
        rewrite(
            run,
            lambda r: r["files"].update({name: plain(run / name)}),
            digest=True,
        )

    return seal


def test_an_untouched_run_is_as_recorded(run: Path, tmp_path: Path) -> None:
    record = record_of(run)
    assert set(record["files"]) == {
        "plan.json",
        "train.log",
        "telemetry.jsonl",
        "train.stamps",
        "exit.json",
        "kept/notes.txt",
    }
    answer = verify(record["id"], tmp_path, code=0)
    texts = [f["text"] for f in answer["groups"]["number"] if f["outcome"] == "ok"]
    assert f"{record['measurement']['throughput']:.6f} img/s" in texts[0]
    told = mrbench("verify", run, run, cwd=tmp_path)
    assert told.returncode == 0
    assert len(re.findall("^As recorded: .* computed again", told.stdout, re.MULTILINE)) == 2
    assert "train.stamps" in told.stdout


def test_the_verdict_of_verify_says_nothing_of_the_notes_on_validity() -> None:
    folder = RunDir(kept_run("today-smoke", "minimask"))
    record = rundir.load(folder.record)
    assert record.validity
    assert record.validity.verdict == "valid with notes"
    found = Verification(run=Opened(folder, "a run"), record=record, findings=())
    assert found.verdict.endswith(" img/s computed again.")


def flip_a_digit(run: Path) -> None:
    log = run / "train.log"
    log.write_bytes(re.sub(rb"(iter: 30 .*\.)(\d)", rb"\g<1>7", log.read_bytes(), count=1))


def forge_the_log(run: Path) -> None:
    flip_a_digit(run)
    rewrite(
        run,
        lambda r: r["files"]["train.log"].update(plain(run / "train.log")),
        digest=False,
    )


def forge_the_rate(run: Path) -> None:
    rewrite(run, lambda r: r["measurement"].update(throughput=1e6), digest=False)


def forge_the_rate_and_the_digest(run: Path) -> None:
    rewrite(run, lambda r: r["measurement"].update(throughput=1e6), digest=True)


def edit_the_plan(run: Path) -> None:
    edit(run / "plan.json", '"last": 40', '"last": 50')


def edit_the_records_plan(run: Path) -> None:
    rewrite(run, lambda r: r["plan"]["window"].update(last=50), digest=True)


def cut_the_stamps(run: Path) -> None:
    stamps = run / "train.stamps"
    stamps.write_bytes(b"".join(stamps.read_bytes().splitlines(keepends=True)[:-1]))


def stretch_the_stamps(run: Path) -> None:
    lines = [line.split() for line in (run / "train.stamps").read_bytes().splitlines()]
    slow = [b"%d %s\n" % (int(lines[0][0]) + i * 10**10, end) for i, (_, end) in enumerate(lines)]
    (run / "train.stamps").write_bytes(b"".join(slow))


def edit_the_exit(run: Path) -> None:
    edit(run / "exit.json", '"reason": "', '"reason": "not ')


def add_a_kept_file(run: Path) -> None:
    (run / "kept" / "more.txt").write_text("more\n")


def remove_a_kept_file(run: Path) -> None:
    (run / "kept" / "notes.txt").unlink()


def link_the_log(run: Path) -> None:
    (run / "train.log").rename(run.parents[3] / "elsewhere")
    (run / "train.log").symlink_to(run.parents[3] / "elsewhere")


def claim_another_tree(run: Path) -> None:
    rewrite(run, lambda r: r["workspace"].update(commit="0" * 40), digest=True)


def claim_success(run: Path) -> None:
    rewrite(run, lambda r: r.update(status="failed"), digest=True)


@pytest.mark.parametrize(
    ("tamper", "keys"),
    [
        (flip_a_digit, {"files.train.log.sha256", CHANGED}),
        (forge_the_log, {"digest", CHANGED}),
        (forge_the_rate, {"digest", CHANGED}),
        (forge_the_rate_and_the_digest, {CHANGED}),
        (edit_the_plan, {"files.plan.json.sha256", "plan_digest", "plan.window.last"}),
        (edit_the_records_plan, {"plan.window.last"}),
        (cut_the_stamps, {"files.train.stamps.size_bytes", "last offset"}),
        (stretch_the_stamps, {"seconds", "measurement.arrival_seconds"}),
        (edit_the_exit, {"files.exit.json.size_bytes", "exit.reason"}),
        (add_a_kept_file, {"files.kept/more.txt"}),
        (remove_a_kept_file, {"files.kept/notes.txt"}),
        (link_the_log, {"files.train.log"}),
        (claim_another_tree, {"workspace.commit"}),
        (claim_success, {"status"}),
    ],
)
def test_tampering_is_found_and_named(
    run: Path, tmp_path: Path, tamper: Callable[[Path], None], keys: set[str]
) -> None:
    tamper(run)
    found = mismatches(verify(run, tmp_path))
    assert keys <= found.keys()
    assert all(f["remedy"] for f in found.values())
    told = mrbench("verify", run, cwd=tmp_path)
    assert (told.returncode, told.stderr) == (7, "")
    assert "NOT as recorded" in told.stdout


@pytest.mark.parametrize(
    ("tamper", "name", "keys"),
    [
        (flip_a_digit, "train.log", {CHANGED}),
        (edit_the_plan, "plan.json", {"plan_digest", "plan.window.last", "measurement.last"}),
        (cut_the_stamps, "train.stamps", {"last offset"}),
        (stretch_the_stamps, "train.stamps", {"seconds"}),
        (edit_the_exit, "exit.json", {"exit.reason"}),
    ],
)
def test_tampering_is_found_where_all_digests_were_made_anew(
    run: Path, tmp_path: Path, tamper: Callable[[Path], None], name: str, keys: set[str]
) -> None:
    tamper(run)
    reseal(name)(run)
    found = mismatches(verify(run, tmp_path)).keys()
    assert keys <= found
    assert not {key for key in found if key.startswith(("files.", "digest"))}


def test_a_peak_of_memory_is_computed_again_and_may_lack_in_an_older_record(
    run: Path, tmp_path: Path
) -> None:
    def used(record: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = record["telemetry"]["host"]["memory_used_bytes"]
        return found

    before = used(record_of(run))["max"]
    assert before >= used(record_of(run))["p95"]
    rewrite(run, lambda r: used(r).update(max=before / 2), digest=True)
    assert mismatches(verify(run, tmp_path)).keys() == {"telemetry.host.memory_used_bytes.max"}
    rewrite(run, lambda r: used(r).pop("max"), digest=True)
    answer = verify(run, tmp_path, code=0)
    texts = [f["text"] for group in answer["groups"].values() for f in group]
    assert "not recorded by that version: max" in texts


def test_swapped_logs_are_found(two: list[Path], tmp_path: Path) -> None:
    runs = [copy(path, tmp_path) for path in two]
    logs = [(path / "train.log").read_bytes() for path in runs]
    assert logs[0] != logs[1]
    for path, log in zip(runs, reversed(logs), strict=True):
        (path / "train.log").write_bytes(log)
        assert any(key.startswith("files.train.log") for key in mismatches(verify(path, tmp_path)))


def test_another_version_may_have_counted_otherwise(run: Path, tmp_path: Path) -> None:
    forge_the_rate(run)
    assert "counts otherwise" not in mismatches(verify(run, tmp_path))[CHANGED]["remedy"]
    rewrite(run, lambda r: r.update(mrbench="0.4.0"), digest=True)
    remedy = mismatches(verify(run, tmp_path))[CHANGED]["remedy"]
    assert remedy.endswith("were edited, or mrbench 0.4.0 counts otherwise: verify with it, too")


def test_a_folder_with_another_runs_name_is_found(run: Path, tmp_path: Path) -> None:
    moved = run.rename(run.with_name("20200101T000000Z-00000000"))
    assert mismatches(verify(moved, tmp_path)).keys() == {"name"}
    other = moved.rename(moved.with_name("mine"))
    notes = [f["text"] for f in verify(other, tmp_path, code=0)["groups"]["plan and end"]]
    assert any("mine is not a name that mrbench gives" in text for text in notes)


def test_a_changed_checkout_in_the_cache_is_found(
    two: list[Path], run: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(two[0].parents[3] / "mrbench-home", tmp_path / "mrbench-home")
    good = verify(run, tmp_path, code=0)["groups"]["source"]
    assert any(f["topic"] == "checkout" and f["outcome"] == "ok" for f in good)
    (train,) = home.glob("work/*/train.py")
    edit(train, "import sys", "import sys  # changed")
    found = mismatches(verify(run, tmp_path))
    assert found.keys() == {"workspace.tree"}
    assert "remove" in found["workspace.tree"]["remedy"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda r: r.update(files=[]), "files"),
        (lambda r: r.update(plan="none"), "plan"),
        (lambda r: r.pop("status"), "status"),
        (lambda r: r["files"].update({"train.log": 3}), "files.train.log"),
        (lambda r: r["plan"].pop("implementation"), "plan.implementation"),
        (lambda r: r["plan"]["source"].update(commit=None), "plan.source.commit"),
        (lambda r: r.update(id=7), "id"),
    ],
)
def test_a_record_of_another_shape_is_told_so(
    run: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], key: str
) -> None:
    rewrite(run, change, digest=True)
    assert key in mismatches(verify(run, tmp_path))


def test_a_record_of_a_newer_mrbench_is_refused_by_name(run: Path, tmp_path: Path) -> None:
    rewrite(run, lambda r: r.update(format=99), digest=True)
    text = "record.json: written by a newer mrbench (record format 99; this one reads up to"
    for words in (("verify", run), ("pack", run, "-o", "run.tar.gz")):
        done = mrbench(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert text in done.stderr
        assert "; upgrade mrbench" in done.stderr
    done = mrbench("baseline", "save", "base.json", "--suite", "toys", cwd=tmp_path)
    assert done.stderr.startswith("mrbench: left out: ")
    assert text in done.stderr


@pytest.mark.parametrize("name", load.implementations("smoke"))
def test_a_kept_run_is_as_recorded(name: str, tmp_path: Path) -> None:
    (folder,) = (KEPT / name).iterdir()
    answer = verify(folder, tmp_path, code=0)
    texts = [f["text"] for group in answer["groups"].values() for f in group]
    assert any(text.startswith("has its own digest") for text in texts)
    assert any("img/s in iterations" in text and "computed again" in text for text in texts)
    assert sum("the one at hand" in text for text in texts) >= 1


def test_a_run_of_format_2_is_read_by_all_that_read_runs(tmp_path: Path) -> None:
    """Made by mrbench 0.2.0: without rules, verdict, telemetry, and a digest of its own."""
    (folder,) = OLDER.glob("smoke/*/*")
    answer = verify(folder, tmp_path, code=0)
    texts = [f["text"] for group in answer["groups"].values() for f in group]
    assert "its own digest is not recorded, as in all records of older formats" in texts
    assert any("1.468979 img/s in iterations" in text for text in texts)
    for words in (
        ("table", "--suite", "smoke", "--runs", OLDER),
        ("show", folder),
        ("compare", folder, next((KEPT / "detectron2").iterdir())),
        ("report", folder, "-o", tmp_path / "report.html"),
        ("pack", folder, "-o", tmp_path / "run.tar.gz"),
    ):
        done = mrbench(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert words[0] != "table" or "not judged" in done.stdout


def test_a_kept_run_with_another_log_is_found(tmp_path: Path) -> None:
    (folder,) = (KEPT / "torchvision").iterdir()
    mine = shutil.copytree(folder, tmp_path / folder.name)
    log = gzip.decompress((mine / "train.log.gz").read_bytes())
    with gzip.open(mine / "train.log.gz", "wb") as out:
        out.write(log.replace(b"0", b"1", 1))
    assert "files.train.log.sha256" in mismatches(verify(mine, tmp_path))
    assert sorted(p.name for p in mine.iterdir()) == sorted(p.name for p in folder.iterdir())


def test_a_failed_run_has_no_number_to_compute(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = make_suite(tmp_path, git)
    edit(toy, "60 0.002", "20 0.002 broken")
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 5
    (run,) = (tmp_path / "runs" / "toys" / "toy").iterdir()
    moved = shutil.copytree(run, tmp_path / "elsewhere" / run.name)  # reasons name the log's path
    for folder in (run, moved):
        assert "the run has no number" in verify(folder, tmp_path, code=0)["verdict"]
    edit(toy, "train.py 20", "gone.py 20")
    edit(toy, '"{python}', '"/no/such/python')
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 5
    second = max((tmp_path / "runs" / "toys" / "toy").iterdir(), key=lambda p: p.stat().st_mtime)
    assert "the run has no number" in verify(second, tmp_path, code=0)["verdict"]


def test_one_run_that_cannot_be_read_does_not_hide_the_others(run: Path, tmp_path: Path) -> None:
    done = mrbench("verify", "nope", run, cwd=tmp_path)
    assert done.returncode == 1
    assert "no run 'nope'" in done.stderr
    assert "As recorded" in done.stdout


@pytest.mark.parametrize("name", ["nope", "nope.tar.gz", "record.json"])
def test_what_is_no_run_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    done = mrbench("verify", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mrbench: ")
    assert len(done.stderr.splitlines()) == 1
