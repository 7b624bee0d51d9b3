"""A grid: each combination of parameters is a plan of its own, from --set to the table."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from mrbench.run.ration import Ration
from toy import commit_all, edit, make_suite, mrbench, records

PARAMETERS = """
parameters:
  batch: {default: 4, values: [2, 4, 8, 16], unit: images, description: Images of one device.}
  mode: {default: plain, values: [plain, fast]}
"""


def with_parameters(path: Path) -> Path:
    edit(path, "per_device: 4", 'per_device: "{batch}"')
    edit(path, "train.py 60 0.002", "train.py 60 0.002")
    edit(path, "launch:\n", 'launch:\n  variables: {BATCH: "{batch}", MODE: "{mode}"}\n')
    path.write_text(path.read_text() + PARAMETERS)
    return path


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return with_parameters(make_suite(tmp_path, git))


@pytest.fixture
def small(toy: Path, tmp_path: Path) -> Path:
    """Let each training of more than 4 images run out of memory."""
    train = tmp_path / "upstream" / "train.py"
    edit(train, "import sys, time", "import os, sys, time")
    check = 'if int(os.environ["BATCH"]) > 4: raise MemoryError("no room")\n'
    edit(train, 'print("training"', f'{check}print("training"')
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    return toy


def said(stderr: str) -> list[str]:
    return [line.partition("] ")[2] for line in stderr.splitlines()]


def settings(printed: str) -> list[tuple[object, object, int]]:
    """Return batch, mode and round of each run, in order."""
    return [
        (
            r["plan"]["parameters"]["batch"]["value"],
            r["plan"]["parameters"]["mode"]["value"],
            r["series"]["repeat"],
        )
        for r in records(printed)
    ]


def test_a_grid_is_run_in_turns_and_told_apart_everywhere(toy: Path, tmp_path: Path) -> None:
    words = ("--set", "batch=2,4", "--set", "mode=fast,plain")
    done = mrbench("run", "--recipe", toy, *words, "--repeat", 2, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    points = [(2, "fast"), (2, "plain"), (4, "fast"), (4, "plain")]
    assert settings(done.stdout) == [(*point, n) for n in (1, 2) for point in points]
    assert len({r["plan_digest"] for r in records(done.stdout)}) == len(points)
    rows = json.loads(mrbench("table", "toys", "--format", "json", cwd=tmp_path).stdout)
    assert {row["name"]: row["repeats"] for row in rows} == {
        "toy": 2, "toy mode=fast": 2, "toy batch=2": 2, "toy batch=2 mode=fast": 2,
    }  # fmt: skip
    assert rows[0]["parameters"]["batch"]["unit"] == "images"
    plain = mrbench("table", "toys", "--sort", "batch", cwd=tmp_path).stdout
    assert "batch" in plain.splitlines()[2]
    csv = mrbench("table", "toys", "--format", "csv", cwd=tmp_path).stdout
    assert "parameters.batch,parameters.mode" in csv.splitlines()[0]
    fast = mrbench("table", "toys", "--filter", "mode=fast", "--format", "json", cwd=tmp_path)
    assert len(json.loads(fast.stdout)) == 2
    assert mrbench("report", "toys", "-o", "r.html", cwd=tmp_path).returncode == 0
    page = (tmp_path / "r.html").read_text()
    assert '<th scope="col" class="number">batch (images)</th>' in page
    assert "batch: Images of one device. By default 4 images." in page
    assert "toys/toy batch=2 mode=fast " in mrbench("runs", cwd=tmp_path).stdout
    last = records(done.stdout)[-1]["id"]  # by its name alone: two may begin in one second
    shown = mrbench("show", f"runs/{last}", cwd=tmp_path).stdout
    assert "\nparameters      batch=4 mode=plain\n" in shown
    again = mrbench("run", "--recipe", toy, *words, "--repeat", 2, "--missing", cwd=tmp_path)
    assert "toy batch=2 mode=fast: skipped: has 2 of 2 valid runs" in said(again.stderr)
    compared = mrbench("compare", "toy batch=2", "toy", cwd=tmp_path)
    assert compared.returncode == 7, "throughput depends on the batch"
    compared = mrbench("compare", "toy mode=fast", "toy", cwd=tmp_path)
    assert compared.returncode == 0, compared.stdout
    one = mrbench("show", "toy mode=fast batch=4", "--json", cwd=tmp_path)
    values = json.loads(one.stdout)["plan"]["parameters"]
    assert (values["batch"]["value"], values["mode"]["value"]) == (4, "fast")
    refused = mrbench("show", "toy batch=99", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("mrbench: runs: no row 'toy batch=99'; did you")
    baseline = tmp_path / "base.json"
    saved = mrbench("baseline", "save", baseline, "toys", cwd=tmp_path)
    assert saved.returncode == 0, saved.stderr
    kept = [entry["parameters"] for entry in json.loads(baseline.read_text())["entries"]]
    assert {"batch": "2", "mode": "fast"} in kept
    assert len(kept) == len(points)


def test_what_is_larger_than_what_ran_out_of_memory_is_left_out(
    small: Path, tmp_path: Path
) -> None:
    words = ("run", "--recipe", small, "--set", "batch=4,8,16", "--set", "mode=plain,fast")
    done = mrbench(*words, "--repeat", 2, "--json", cwd=tmp_path)
    assert done.returncode == 5
    made = settings(done.stdout)
    assert made == [
        (4, "plain", 1), (4, "fast", 1), (8, "plain", 1), (8, "fast", 1),
        (4, "plain", 2), (4, "fast", 2),
    ]  # fmt: skip
    notes = [e["text"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "note"]
    assert notes[-2:] == [
        "left out, as toy batch=8 ran out of memory: toy batch=16 (2 runs), toy batch=8",
        (
            "left out, as toy batch=8 mode=fast ran out of memory: toy batch=16 mode=fast (2 runs),"
            " toy batch=8 mode=fast"
        ),
    ]
    again = mrbench(*words, "--repeat", 2, "--missing", "--json", cwd=tmp_path)
    assert records(again.stdout) == [], "nothing of it would have another end"
    assert "toy batch=8: skipped: ran out of memory (toys/toy/" in again.stderr
    table = mrbench("table", "toys", cwd=tmp_path).stdout
    assert sum("out of memory" in line for line in table.splitlines() if "batch=8" in line) >= 2


def test_a_budget_counts_what_runs_took(toy: Path) -> None:
    suite = load.read_suite(toy.with_name("suite.yaml"))
    files = [
        load.load_file(toy, suite_name="toys", suite=suite, given={"batch": batch})
        for batch in ("2", "4")
    ]
    (one, other), seconds = [make_plan(file) for file in files], [0.0]
    ration = Ration(100.0, {one.digest: 30.0}, clock=lambda: seconds[0])
    assert not ration.leaves_out(other, files[1], []), "nothing is known of it"
    seconds[0] = 69.0
    assert not ration.leaves_out(one, files[0], [])
    seconds[0] = 71.0
    assert ration.leaves_out(one, files[0], []), "29 s are left"
    assert not ration.leaves_out(other, files[1], [])
    seconds[0] = 100.0
    assert ration.leaves_out(other, files[1], [])
    assert ration.lines() == ["left out, as the budget of 1:40 would not do: toy batch=2, toy"]
    assert ration.exit_code == 8


def test_a_budget_begins_no_run_that_would_not_end_in_time(toy: Path, tmp_path: Path) -> None:
    words = ("run", "--recipe", toy, "--set", "batch=2,4")
    done = mrbench(*words, "--budget", "1s", "--repeat", 9, cwd=tmp_path)
    assert done.returncode == 8, done.stderr
    last = said(done.stderr)
    assert any(line.startswith("left out, as the budget of 1 s would not do: ") for line in last)
    assert "goes on with the rest" in done.stderr


def test_dry_run_tells_the_grid_and_its_time(toy: Path, tmp_path: Path) -> None:
    words = ("run", "--recipe", toy, "--set", "batch=2,4", "--repeat", 3, "--dry-run")
    before = mrbench(*words, cwd=tmp_path).stdout
    assert "6 runs: at most 12:00; none was made before (launch.wall_clock_limit_s)" in before
    assert mrbench("run", "--recipe", toy, "--set", "batch=2", cwd=tmp_path).returncode == 0
    after = mrbench(*words, cwd=tmp_path).stdout
    assert "as earlier runs of the same plans took, and at most 6:00 for 3 without" in after
    listed = json.loads(mrbench(*words, "--json", cwd=tmp_path).stdout)
    assert [each["parameters"]["batch"] for each in listed] == [2, 4]
    assert [each["runs"] for each in listed] == [3, 3]
    assert listed[0]["estimate"]["known"]
    assert not listed[1]["estimate"]["known"]
    assert not listed[0]["estimate"]["seconds"] > listed[1]["estimate"]["seconds"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "batch"), "'batch' is not NAME=VALUE; give a parameter of the recipe, as"),
        (("--set", "batch=2", "--set", "batch=4"), "batch: given twice; give --set batch=2,4"),
        (("--set", "bach=2"), "--set bach: toy declares no such parameter; did you mean 'batch'?"),
        (("--set", "batch=3,5"), "--set batch=3 is not allowed; allowed: 2, 4, 8, 16"),
        (("--budget", "soon"), "'soon' is not a duration; give it as 90s, 30m, 2h or 1d"),
        (
            ("--budget", "2h", "--executor", "slurm"),
            "--budget and --executor slurm: a job",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    words: tuple[str, ...], message: str, toy: Path, tmp_path: Path
) -> None:
    done = mrbench("run", "--recipe", toy, *words, "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not done.stderr.startswith("Traceback")


def test_a_parameter_that_only_some_declare_is_refused(toy: Path, tmp_path: Path) -> None:
    other = toy.with_name("other.yaml")
    other.write_text(toy.read_text())
    edit(other, "  batch:", "  size:")
    other.write_text(other.read_text().replace("{batch}", "{size}"))
    done = mrbench("run", "--recipe", toy, other, "--set", "batch=2", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    told = "--set batch: other declares no such parameter; only toy can be chosen with it (--impl)"
    assert told in done.stderr


def test_prepare_takes_a_point(toy: Path, tmp_path: Path) -> None:
    done = mrbench("prepare", "--recipe", toy, "--set", "batch=2,8", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["variables"]["BATCH"] for row in json.loads(done.stdout)] == ["2", "8"]


@pytest.mark.usefixtures("slurm")
def test_each_point_is_a_job_of_a_cluster(small: Path, tmp_path: Path) -> None:
    words = ("--executor", "slurm", "--recipe", small, "--set", "batch=2,4,8")
    done = mrbench("run", *words, "--json", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    made = {r["plan"]["parameters"]["batch"]["value"]: r for r in records(done.stdout)}
    assert {batch: r["status"] for batch, r in made.items()} == {
        2: "ok", 4: "ok", 8: "out_of_memory",
    }  # fmt: skip
    assert len({r["slurm"]["job"] for r in made.values()}) == len(made)
