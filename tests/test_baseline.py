"""Real runs against a stored baseline: what passes, what fails, and what is not compared."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gateruns
from gateruns import at, change, check, faster, record, renamed, runs_of
from mrbench.checks.baseline.file import read_baseline, write_baseline
from mrbench.cli.commands.schema import make_schema
from mrbench.files import digest_of
from toy import edit, mrbench
from toyruns import TOOK, load, rewrite

# Bencher's own schema of its format, https://bencher.dev/docs/reference/bencher-metric-format
METRIC = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
    "required": ["value"],
    "additionalProperties": False,
}
BENCHER = {
    "type": "object",
    "patternProperties": {".+": {"type": "object", "patternProperties": {".+": METRIC}}},
}
SAVE = ("baseline", "save", "base.json", "--suite", "toys", "--runs")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> Path:
    """Give a folder with three runs at one commit (old), three at a slower one, and a baseline."""
    folder = tmp_path_factory.mktemp("made")
    gateruns.make(folder, git)
    done = mrbench(*SAVE, folder / "old", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of the test's own: the baseline, and the old commit's runs made again."""
    shutil.copy(made / "base.json", tmp_path)
    change(shutil.copytree(made / "old", tmp_path / "runs"), renamed("-again"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def reseal(path: Path, content: dict[str, Any]) -> None:
    content["digest"] = digest_of(content)
    path.write_text(json.dumps(content, indent=1))


def test_a_baseline_is_made_for_git(made: Path, here: Path) -> None:
    text = (here / "base.json").read_text()
    assert text.endswith("}\n")
    assert "mrbench-home" not in text, "no paths of a machine but what the recipe names"
    assert "machine.host" not in text
    assert len(text) < 8000
    content = stored(here / "base.json")
    jsonschema.validate(content, json.loads(json.dumps(make_schema("baseline"))))
    (entry,) = content["entries"]
    assert entry["throughput"] == pytest.approx([40, 40 / 1.006, 40 / 0.994], rel=1e-5)
    assert entry["noise"] == pytest.approx(0.006, rel=1e-2)
    assert entry["noise_freedom"] == 2
    assert entry["now"]["commit"] == record(made / "old")["plan"]["source"]["commit"]
    assert entry["now"]["runs"] == [record(made / "old", i)["id"] for i in range(3)]
    assert list(content["provenance"]) == sorted(content["provenance"])
    found, lines = read_baseline(here / "base.json")
    assert text.splitlines()[lines[found.entries[0].key] - 1].strip().startswith('"implement')
    write_baseline(here / "again.json", found)
    assert (here / "again.json").read_text() == text


@pytest.mark.usefixtures("here")
def test_the_same_speed_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--baseline", "base.json") == 0
    told = capsys.readouterr().out
    assert "ok: toys/toy: throughput: 100.0 % of the baseline's 40 img/s (90 % interval" in told
    assert "not slower by 3 % or more; 3 runs with noise 0.6 % against 3 with noise 0.6 %" in told


def test_a_run_that_was_interrupted_stands_for_no_plan(here: Path) -> None:
    """Somebody tried another window, and left: the runs before it still count."""
    last = runs_of(here / "runs")[-1]
    tried = shutil.copytree(last, last.with_name("tried"))
    interrupted = {"status": "interrupted", "reason": "by the user", "started": "2999-01-01"}
    rewrite(tried, lambda r: r.update(**interrupted, plan_digest="0" * 64), digest=True)
    assert check("--baseline", "base.json") == 0


@pytest.mark.usefixtures("here")
def test_a_slower_commit_fails(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--baseline", "base.json", "--runs", made / "slower") == 7
    told = capsys.readouterr().out
    assert "failed: toys/toy: throughput: 90.9 % of the baseline's 40 img/s" in told
    assert "slower by more than 3 %" in told
    commits = [record(made / name)["plan"]["source"]["commit"] for name in ("old", "slower")]
    assert f"plan.source.commit: {commits[0]} / {commits[1]}" in told
    assert check("--baseline", "base.json", "--runs", made / "slower", "--margin", "20%") == 0


def multiply(folder: Path, by: int) -> None:
    """Copy each run of a folder, so that there are that many times as many."""
    for run in runs_of(folder):
        for number in range(1, by):
            copy = shutil.copytree(run, run.with_name(f"{run.name}-{number}"))
            rewrite(copy, renamed(f"-{number}"), digest=True)


def test_a_slowdown_near_the_margin_is_not_decided(
    made: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(here / "runs", faster(0.979))
    assert check("--baseline", "base.json") == 8
    told = capsys.readouterr().out
    assert "inconclusive: toys/toy: throughput: 97.9 % of" in told
    assert "not even 50 further runs would decide: the baseline has only 3 runs; save" in told
    (here / "base.json").unlink()
    multiply(shutil.copytree(made / "old", here / "many"), 4)
    assert mrbench(*SAVE, "many", cwd=here).returncode == 0
    change(here / "runs", faster(0.9765 / 0.979))
    assert check("--baseline", "base.json") == 8
    told = capsys.readouterr().out
    assert "3 runs with noise 0.6 % against 12 with noise 0.512 %" in told
    asked = re.search(r"(\d+) further runs? would more likely than not decide: run", told)
    assert asked, told
    assert f"--repeat {asked[1]}, then check again with --look 2\n" in told
    multiply(here / "runs", 1 + -(-int(asked[1]) // 3))
    assert check("--baseline", "base.json", "--look", "2") == 0, "as they are alike, these decide"
    assert "(98 % interval" in capsys.readouterr().out


def test_faster_is_another_number(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(here / "runs", faster(1.1))
    assert check("--baseline", "base.json") == 0
    assert check("--baseline", "base.json", "--two-sided") == 7
    assert "differs by more than 3 %" in capsys.readouterr().out


def test_one_run_decides_nothing(
    made: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in runs_of(here / "runs")[1:]:
        shutil.rmtree(run)
    assert check("--baseline", "base.json") == 8
    told = capsys.readouterr().out
    assert "1 run against 3 with noise 0.6 %; a single run does not show how much the new" in told
    assert "then check again\n" in told, "one run alone was no look"
    one = shutil.copytree(made / "old", here / "one")
    for run in runs_of(one)[1:]:
        shutil.rmtree(run)
    (here / "base.json").unlink()
    done = mrbench(*SAVE, "one", cwd=here)
    assert "40 img/s of 1 run, noise not known: make more runs" in done.stdout
    assert check("--baseline", "base.json", "--runs", made / "slower") == 8
    told = capsys.readouterr().out
    assert "against 1; a single run does not show how much the baseline's vary" in told
    assert "-> the baseline has only 1 run; save a baseline of 10 runs" in told


def test_the_baselines_own_runs_are_no_test_of_it(
    made: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--baseline", "base.json", "--runs", made / "old") == 8
    told = capsys.readouterr().out
    assert "no run of it but those of the baseline" in told
    assert "-> run it with --repeat 3, into the folder that --runs names" in told
    assert check("--baseline", "base.json", "--runs", here / "nowhere") == 8
    assert "no run of it" in capsys.readouterr().out


def test_runs_that_do_not_count_are_left_out(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    multiply(here / "runs", 2)
    first, second, *others = runs_of(here / "runs")
    rewrite(first, lambda r: r.update(status="failed", reason="no room"), digest=True)
    rewrite(second, faster(10), digest=False)
    assert check("--baseline", "base.json") == 0
    told = capsys.readouterr().out
    assert "; 4 runs with" in told
    assert "; 2 left out: " in told
    invalid = {"verdict": "invalid", "why": "not alone"}
    for run in others:
        rewrite(run, lambda r: r.update(validity=invalid), digest=True)
    assert check("--baseline", "base.json") == 8
    assert "no valid run: " in capsys.readouterr().out


def test_load_by_other_programs_is_told_of_both_sides(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(runs_of(here / "runs")[0], load, digest=True)
    assert check("--baseline", "base.json") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"the new runs, 1 of 3 runs: {TOOK}" in told
    assert "measure again on a quiet machine" in told
    assert "the baseline, 1" not in told
    (here / "base.json").unlink()
    grid = {"batch": {"value": 4, "default": 2}}
    change(here / "runs", lambda record: record["plan"].update(parameters=grid))
    saved = mrbench(*SAVE, "runs", cwd=here)
    assert saved.returncode == 0
    assert f"toy batch=4: 1 of 3 runs: {TOOK}" in saved.stderr
    change(here / "runs", renamed("-later"))
    assert check("--baseline", "base.json") == 0
    assert f"the baseline, 1 of 3 runs: {TOOK}" in " ".join(capsys.readouterr().out.split())


def test_runs_of_the_baselines_plan_go_first(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither an interrupted run nor a valid one with another window stands in their way."""

    def later(record: dict[str, Any]) -> None:
        record["plan"]["window"].update(last=30)
        record.update(id="toys/toy/later", plan_digest="0" * 64, started="2999-01-01T00:00:00Z")

    first = runs_of(here / "runs")[0]
    extra = shutil.copytree(first, first.with_name("29990101T000000Z-00000000"))
    rewrite(extra, later, digest=True)
    assert check("--baseline", "base.json") == 0
    told = capsys.readouterr().out
    assert "3 runs with noise 0.6 %" in told
    assert "1 left out: 1 later run of another plan (plan.window.last: " in told
    alone = here / "alone" / "toys" / "toy"
    alone.mkdir(parents=True)
    shutil.copytree(extra, alone / extra.name)
    assert check("--baseline", "base.json", "--runs", here / "alone") == 7
    assert "may not be compared: plan.window.last: " in capsys.readouterr().out
    rewrite(extra, lambda r: r.update(status="interrupted", measurement=None), digest=True)
    assert check("--baseline", "base.json") == 0
    (here / "base.json").unlink()
    done = mrbench(*SAVE, "runs", cwd=here)
    assert "40 img/s of 3 runs" in done.stdout


UNLIKE: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("plan.window.last", lambda r: r["plan"]["window"].update(last=30)),
    ("plan.work_per_iteration", lambda r: r["plan"].update(work_per_iteration=8)),
    ("plan.precision", lambda r: r["plan"].update(precision="float16")),
    ("plan.gpus", lambda r: r["plan"].update(gpus=8)),
    ("plan.log.timing", lambda r: r["plan"]["log"].update(timing="rate")),
    ("machine.cpu", lambda r: r["machine"].update(cpu="another")),
    ("machine.cpus_usable", lambda r: r["machine"].update(cpus_usable=999)),
    ("machine.gpu_driver", lambda r: r["machine"].update(gpu_driver="410.48")),
    ("machine.gpus.names", lambda r: r["machine"].update(gpus=[{"name": "Tesla V100"}])),
]


@pytest.mark.parametrize(("key", "how"), UNLIKE, ids=[key for key, _ in UNLIKE])
def test_unlike_things_are_not_compared(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    key: str,
    how: Callable[[dict[str, Any]], object],
) -> None:
    change(here / "runs", how)
    assert check("--baseline", "base.json", "--export", "bencher=b.json") == 7
    told = capsys.readouterr().out
    assert f"failed: toys/toy: provenance: may not be compared: {key}: " in told
    assert ": throughput: " not in told
    assert stored(here / "b.json") == {}
    done = mrbench("baseline", "update", "base.json", cwd=here)
    if key != "plan.gpus":  # these are a series of their own, which an update adds
        assert done.returncode == 7
        assert key in done.stderr


ALIKE: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("plan.source.commit", lambda r: r["plan"]["source"].update(commit="0" * 40)),
    ("plan.lock_sha256", lambda r: r["plan"].update(lock_sha256="0" * 64)),
    ("plan.command", lambda r: r["plan"].update(command=["x"])),
    ("machine.python", lambda r: r["machine"].update(python="3.99.0")),
    ("mrbench", lambda r: r.update(mrbench="99.0")),
]


@pytest.mark.parametrize(("key", "how"), ALIKE, ids=[key for key, _ in ALIKE])
def test_what_a_gate_is_there_to_test_may_differ(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    key: str,
    how: Callable[[dict[str, Any]], object],
) -> None:
    change(here / "runs", how)
    assert check("--baseline", "base.json") == 0
    assert f"what may explain a change: {key}: " in capsys.readouterr().out


def test_what_is_not_in_the_baseline_is_not_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(here / "runs" / "toys" / "toy", here / "runs" / "toys" / "other")
    for run in (here / "runs" / "toys" / "other").iterdir():
        rewrite(run, lambda r: r["plan"].update(implementation="other"), digest=True)
    assert check("--baseline", "base.json") == 0
    assert "not checked: toys/other: throughput: is not in the baseline" in capsys.readouterr().out
    done = mrbench("baseline", "update", "base.json", cwd=here)
    assert "other: new, 40 img/s" in done.stdout
    assert [e["implementation"] for e in stored(here / "base.json")["entries"]] == ["other", "toy"]
    assert stored(here / "base.json")["entries"][1]["now"]["runs"][0].endswith("-again")
    assert check("--baseline", "base.json", "--impl", "toy") == 8
    assert "other" not in capsys.readouterr().out
    assert check("--baseline", "base.json", "--impl", "toi") == 2
    assert "did you mean 'toy'" in capsys.readouterr().err
    assert check("--baseline", "base.json", "--suite", "2019") == 2
    assert "is of suite 'toys'; give --suite toys" in capsys.readouterr().err


def test_numbers_for_other_services(here: Path) -> None:
    kinds = ("bencher", "github-action-benchmark")
    words = [word for kind in kinds for word in ("--export", f"{kind}={kind}.json")]
    assert check("--baseline", "base.json", *words) == 0
    metrics = stored(here / "bencher.json")
    jsonschema.validate(metrics, BENCHER)
    throughput = metrics["toys/toy"]["throughput"]
    assert throughput["value"] == pytest.approx(40, rel=1e-4)
    # t of 2 degrees of freedom, of three runs
    reach = 4.303 * 0.006 / 3**0.5
    assert throughput["lower_value"] == pytest.approx(40 * (1 - reach), rel=1e-3)
    assert throughput["upper_value"] == pytest.approx(40 * (1 + reach), rel=1e-3)
    (entry,) = json.loads((here / "github-action-benchmark.json").read_text())
    assert set(entry) == {"name", "unit", "value", "range", "extra"}
    assert (entry["name"], entry["unit"]) == ("toys/toy", "img/s")
    assert entry["range"] == f"± {throughput['upper_value'] - entry['value']:.3g}"


def updated(cwd: Path, *words: str) -> tuple[int, str]:
    done = mrbench("baseline", "update", "base.json", *words, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def test_an_update_tells_what_changes_and_keeps_history(here: Path) -> None:
    change(here / "runs", faster(0.99))
    code, told = updated(here)
    assert code == 0, told
    assert "toy: 40 -> 39.6 img/s (-1.0 %), -1.0 % since" in told
    (entry,) = stored(here / "base.json")["entries"]
    assert entry["anchor"]["throughput"] == pytest.approx(40, rel=1e-4)
    assert [v["throughput"] for v in entry["history"]] == pytest.approx([40], rel=1e-4)
    # the noise is known better now, by the runs of both
    assert entry["noise"] == pytest.approx(0.006, rel=1e-2)
    assert entry["noise_freedom"] == 4
    code, told = updated(here)
    assert code == 1
    assert "no valid runs but those of the baseline" in told


def test_a_slow_drift_does_not_creep_in(here: Path) -> None:
    total = 1.0
    for step in range(3):
        change(here / "runs", faster(0.988))
        change(here / "runs", renamed(f"-{step}"))
        total *= 0.988
        before = (here / "base.json").read_text()
        code, told = updated(here)
        if step < 2:
            assert code == 0, told
    assert code == 7
    assert "toy: it is 3.56 % slower than on 2" in told
    assert "left as it was; look into it, or give the reason with --accept WHY" in told
    assert (here / "base.json").read_text() == before
    code, told = updated(here, "--accept", "a better head")
    assert code == 0
    assert "changes count from here on" in told
    (entry,) = stored(here / "base.json")["entries"]
    assert entry["now"]["why"] == "a better head"
    assert entry["anchor"] == entry["now"]
    assert len(entry["history"]) == 3
    shown = mrbench("baseline", "show", "base.json", cwd=here).stdout
    assert len(re.findall(r"^  2.* img/s  commit ", shown, re.MULTILINE)) == 4
    assert "a better head" in shown


def test_a_slower_commit_is_no_update(made: Path, here: Path) -> None:
    code, told = updated(here, "--runs", str(made / "slower"))
    assert code == 7
    assert "toy: 40 -> 36.36 img/s, slower than the baseline by more than 3 %" in told


def test_another_driver_begins_anew_if_a_reason_is_given(here: Path) -> None:
    change(here / "runs", lambda r: r["machine"].update(gpu_driver="550.1"))
    code, told = updated(here)
    assert code == 7
    assert "toy: may not be compared: machine.gpu_driver: (absent) / 550.1" in told
    code, told = updated(here, "--accept", "driver 550")
    assert code == 0
    (entry,) = stored(here / "base.json")["entries"]
    assert (entry["noise_freedom"], entry["now"]["why"]) == (2, "driver 550")
    assert entry["anchor"] == entry["now"]
    change(here / "runs", renamed("-later"))
    assert check("--baseline", "base.json") == 0


def test_a_faster_commit_raises_the_anchor(here: Path) -> None:
    change(here / "runs", faster(1.1))
    code, told = updated(here)
    assert code == 0
    assert "changes count from here on" in told
    (entry,) = stored(here / "base.json")["entries"]
    assert entry["anchor"] == entry["now"]
    assert entry["now"]["why"] == ""


def test_a_baseline_is_not_overwritten(here: Path) -> None:
    done = mrbench(*SAVE, "runs", cwd=here)
    assert done.returncode == 1
    assert "already exists; `mrbench baseline update` keeps its history" in done.stderr
    done = mrbench("baseline", "save", "new.json", "--suite", "toys", "--runs", "no", cwd=here)
    assert done.returncode == 1
    assert "no: no valid runs of suite toys; `mrbench run --suite toys" in done.stderr


def test_show_tells_what_is_stored(here: Path) -> None:
    told = mrbench("baseline", "show", "base.json", cwd=here).stdout
    assert "toy: 40 img/s of 3 runs, noise 0.6 % (by 2 degrees of freedom)" in told
    assert "a check with a margin of 3 % mostly needs 3 runs\n" in told
    as_json = json.loads(mrbench("baseline", "show", "base.json", "--json", cwd=here).stdout)
    assert as_json["entries"][0]["implementation"] == "toy"


def spoiled(how: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        content = stored(path)
        how(content)
        reseal(path, content)

    return spoil


def beyond_doubles(path: Path) -> None:
    spoiled(lambda c: c["entries"][0].update(throughput=[float("inf")]))(path)
    edit(path, "Infinity", "1e999")


BAD: list[tuple[str, int, str, Callable[[Path], object]]] = [
    ("gone", 1, "cannot be read (No such file", lambda p: p.unlink()),
    ("empty", 1, "is not JSON (", lambda p: p.write_text("")),
    ("text", 1, "is not JSON (", lambda p: p.write_text("hello")),
    ("bytes", 1, "is not UTF-8 text", lambda p: p.write_bytes(b"\xff\xfe")),
    ("list", 1, "expected keys and values, got a list", lambda p: p.write_text("[]")),
    ("record", 1, "digest: missing; restore it", lambda p: p.write_text('{"format": 3}')),
    ("deep", 1, "is not JSON (", lambda p: p.write_text("[" * 100_000)),
    ("huge", 1, "larger than 1 MiB", lambda p: p.write_text(" " * (1 << 20) + "{}")),
    ("NaN", 1, "NaN is not a number", lambda p: edit(p, '"noise_freedom": 2', '"x": NaN')),
    ("edited", 7, "was edited after it was saved", lambda p: edit(p, "39.7", "29.7")),
    (
        "format",
        1,
        "baseline format 99; this one reads up to 2",
        spoiled(lambda c: c.update(format=99)),
    ),
    (
        "infinite",
        1,
        "entries[0].throughput[0]: '1e999' is not of type float",
        beyond_doubles,
    ),
    (
        "negative",
        1,
        "entries[0].throughput[0]: expected a number above 0",
        spoiled(lambda c: c["entries"][0].update(throughput=[-1.0])),
    ),
    (
        "none",
        1,
        "throughput: expected a list that is not empty",
        spoiled(lambda c: c["entries"][0].update(throughput=[])),
    ),
    (
        "no noise",
        1,
        "entries[0].noise: does not belong",
        spoiled(lambda c: c["entries"][0].update(noise=None)),
    ),
    (
        "narrower than none",
        1,
        "entries[0].half_widths[0]: expected a number of at least 0",
        spoiled(lambda c: c["entries"][0].update(half_widths=[-1.0, 1.0, 1.0])),
    ),
    (
        "another mean",
        1,
        "entries[0].now.throughput: 50 is not the mean of its repeats, 40",
        spoiled(lambda c: c["entries"][0]["now"].update(throughput=50.0)),
    ),
    (
        "less noise",
        1,
        "entries[0].noise: 0.001 is not that of its repeats, 0.006",
        spoiled(lambda c: c["entries"][0].update(noise=0.001)),
    ),
    (
        "noise of more runs",
        1,
        "entries[0].noise: 0.001 is less than its repeats alone show",
        spoiled(lambda c: c["entries"][0].update(noise=0.001, noise_freedom=12)),
    ),
    (
        "noise of fewer runs",
        1,
        "entries[0].noise_freedom: 1 is less than its repeats give, 2",
        spoiled(lambda c: c["entries"][0].update(noise_freedom=1)),
    ),
    (
        "one run thrice",
        1,
        "entries[0].now.runs: names a run twice",
        spoiled(lambda c: c["entries"][0]["now"].update(runs=["a", "a", "a"])),
    ),
    (
        "another anchor",
        1,
        "entries[0].anchor: is neither `now` nor in `history`",
        spoiled(lambda c: c["entries"][0]["anchor"].update(throughput=99.0)),
    ),
    (
        "old",
        1,
        "has baseline format 0; this mrbench reads 1 to 2",
        spoiled(lambda c: c.update(format=0)),
    ),
    ("missing", 1, "entries[0].now: missing", spoiled(lambda c: c["entries"][0].pop("now"))),
    ("unknown", 1, "unknown key", spoiled(lambda c: c["entries"][0].update(colour="red"))),
    ("of words", 1, "is not of type float", spoiled(lambda c: c["entries"][0].update(noise="1"))),
    (
        "twice",
        1,
        "has an implementation twice",
        spoiled(lambda c: c["entries"].append(c["entries"][0])),
    ),
]


@pytest.mark.parametrize(
    ("code", "message", "spoil"), [b[1:] for b in BAD], ids=[b[0] for b in BAD]
)
def test_a_bad_file_is_told_in_one_line(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    code: int,
    message: str,
    spoil: Callable[[Path], object],
) -> None:
    spoil(here / "base.json")
    assert check("--baseline", "base.json") == code
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("mrbench: base.json")
    assert len(told.splitlines()) == 1
    assert len(told) < 400
    done = mrbench("baseline", "show", "base.json", cwd=here)
    assert (done.returncode, done.stderr) == (code, told)


def test_hostile_records_and_files_do_no_harm(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    multiply(here / "runs", 2)
    first, second, third = runs_of(here / "runs")[:3]
    rewrite(first, at([float("inf")]), digest=True)
    rewrite(second, lambda r: r["measurement"].update(throughput="9"), digest=True)
    rewrite(third, lambda r: r["plan"].update(title="\x1b[31m"), digest=True)
    rewrite(third, lambda r: r["machine"].update(python="\x1b[2J\n"), digest=True)
    assert check("--baseline", "base.json") == 0
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    left_out = [line for line in told.err.splitlines() if line.startswith("mrbench: left out: ")]
    assert len(left_out) == 2
    assert all("record.json: measurement.throughput: " in line for line in left_out)
    content = stored(here / "base.json")
    content["entries"][0]["implementation"] = "\x1b[31mtoy"
    reseal(here / "base.json", content)
    check("--baseline", "base.json")
    mrbench("baseline", "show", "base.json", cwd=here)
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("text", ["3", "0", "-1%", "nan", "inf%", "60%", "x%", "%", ""])
def test_a_margin_is_a_share(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        check("--baseline", "base.json", f"--margin={text}")
    assert left.value.code == 2
    remedy = "did you mean 3%?" if text == "3" else "give a share up to 50%, as 3%"
    assert f"is not a margin; {remedy}" in capsys.readouterr().err


def test_an_export_names_a_kind_and_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("bencher", "bencher=", "x=y"):
        with pytest.raises(SystemExit):
            check("--baseline", "base.json", "--export", text)
        assert "bencher=FILE" in capsys.readouterr().err
