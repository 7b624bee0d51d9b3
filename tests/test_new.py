"""`mrbench new` writes a recipe that can be planned at once, and says what it rests on."""

import os
import subprocess
from pathlib import Path

import pytest

import tokenlogs
from mrbench.measure.proposal import propose
from mrbench.model.workload import PartlyKnown
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from toy import mrbench as run_mrbench

LOGS = Path(__file__).parent / "logs"


def mrbench(*words: str) -> tuple[int, str, str]:
    done = run_mrbench(*words, cwd=Path.cwd())
    return done.returncode, done.stdout, done.stderr


def lines(text: str, numbers: range) -> str:
    return "".join(text.format(i=i, loss=3 / (i + 1), total=i * 0.25) + "\n" for i in numbers)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "train.py").write_text("print('step 1')\n")
    name = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_in_a_repository_the_recipe_pins_its_head(repository: Path) -> None:
    code, out, err = mrbench("new", "own.yaml", "--per-device", "2")
    assert (code, err) == (0, "")
    file = load.load_path(Path("own.yaml"))
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert file.recipe.source.commit == head.stdout.strip()
    assert file.recipe.source.url == f"file://{repository}"
    assert file.recipe.launch.command == ("{python}", "tools/train.py")
    code, planned, _ = mrbench("run", "--recipe", "own.yaml", "--dry-run")
    assert code == 0
    assert head.stdout.strip() in planned
    assert out.splitlines()[-3].strip().startswith("mrbench run --recipe own.yaml --dry-run")


def test_a_changed_file_is_told_since_it_would_not_train(repository: Path) -> None:
    (repository / "tools" / "train.py").write_text("print('step 2')\n")
    assert "not committed" in mrbench("new", "own.yaml")[1]


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("other.py", "note: other.py is not in that commit; commit it"),
        ("train.py", "runs at the top of the repository; write tools/train.py in it"),
        ("./tools/train.py", None),
    ],
)
def test_a_script_that_the_commit_lacks_is_named(
    repository: Path, script: str, note: str | None
) -> None:
    (repository / "other.py").touch()
    out = mrbench("new", "own.yaml", "--command", f"python {script}")[1]
    assert note in out if note else "note:" not in out


def test_without_a_repository_it_says_where_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "in no git repository with a commit" in mrbench("new", "own.yaml")[1]


def test_an_empty_log_is_refused_before_anything_is_written(repository: Path) -> None:
    (repository / "train.log").touch()
    code, _, err = mrbench("new", "own.yaml", "--log", "train.log")
    assert (code, "train.log: is empty; give a log" in err) == (6, True)
    assert not (repository / "own.yaml").exists()


def test_each_key_has_a_comment_above_it(repository: Path) -> None:
    mrbench("new", "own.yaml")
    text = (repository / "own.yaml").read_text().splitlines()
    keys = [i for i, line in enumerate(text) if line.strip() and not line.strip().startswith("#")]
    assert len(keys) > 15
    assert [text[i] for i in keys if not text[i - 1].strip().startswith("#")] == []


def test_nothing_is_overwritten(repository: Path) -> None:
    for name in ("own.yaml", "suite.yaml"):
        (repository / name).write_text("mine")
    code, _, err = mrbench("new", "own.yaml")
    assert code == 2
    assert err == "mrbench: own.yaml: already exists; choose another name, or remove it\n"
    assert (repository / "own.yaml").read_text() == "mine"
    code, _, err = mrbench("new", "other.yaml")  # with a suite.yaml that cannot be read
    assert code == 2
    assert "suite.yaml" in err
    assert not (repository / "other.yaml").exists()
    assert (repository / "suite.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["suite.yaml", "own.txt", "a b.yaml", "own"])
def test_a_name_that_cannot_be_one_is_refused(repository: Path, name: str) -> None:
    code, _, err = mrbench("new", name)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert sorted(p.name for p in repository.iterdir()) == [".git", "tools"]


@pytest.mark.parametrize("line", ["python train.py {batch}", "a | b", "'", ""])
def test_a_command_that_cannot_run_is_refused(repository: Path, line: str) -> None:
    code, _, err = mrbench("new", "own.yaml", "--command", line)
    assert code == 2
    assert "--command" in err
    assert not (repository / "own.yaml").exists()


@pytest.mark.parametrize("suite", load.suite_names())
def test_every_recipe_of_ours_can_be_begun_with(
    suite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in load.implementations(suite):
        code, out, err = mrbench("new", f"{name}/{name}.yaml", "--from", f"{suite}/{name}")
        assert (code, err) == (0, "")
        old = load.load_named(suite, name)
        new = load.load_path(Path(name, f"{name}.yaml"))
        assert make_plan(new).command == make_plan(old).command
        assert new.suite.window == old.suite.window
        assert (new.recipe.source.patches, new.recipe.environment.lock) == ((), None)
        for dropped in ("source.tree", "environment.lock", "sample"):
            assert f"left out {dropped}" in out
        assert ("left out source.patches" in out) == bool(old.recipe.source.patches)


@pytest.mark.usefixtures("repository")
def test_a_recipe_of_several_suites_needs_the_suites_name() -> None:
    code, _, err = mrbench("new", "own.yaml", "--from", "detectron2")
    assert code == 2
    assert "2019/detectron2 or " in err
    assert "or today/detectron2" in err
    code, _, err = mrbench("new", "own.yaml", "--from", "demo/minimsk")
    assert (code, "minimask" in err) == (2, True)
    code, _, err = mrbench("new", "own.yaml", "--from", "./other.yaml")
    assert (code, "copy it and change the copy" in err) == (2, True)


@pytest.mark.usefixtures("repository")
def test_a_log_that_is_not_there_is_said_so() -> None:
    code, _, err = mrbench("new", "own.yaml", "--log", "no.log")
    assert (code, "no.log: no such file; give a log" in err) == (6, True)


@pytest.mark.parametrize(
    ("line", "numbers", "timing", "seconds"),
    [
        ("step {i} loss {loss:.3f} 250.0 ms/step", range(20, 601, 20), "interval_mean", 0.25),
        ("[{i:5d}/600] loss={loss:.3f}, 4.00it/s", range(1, 601), "iterations_per_second", 0.25),
        ("iter {i}: train_time:{total:.2f}s", range(10, 601, 10), "cumulative", 0.25),
        ("step={i}, loss={loss:.3f}, dt=250.0ms, lr=0.1", range(1, 601), "interval_mean", 0.25),
        (
            '{{"iter": {i}, "loss": {loss:.4f}, "dt_ms": 250.0}}',
            range(1, 601),
            "interval_mean",
            0.25,
        ),
    ],
)
def test_a_value_whose_unit_says_what_it_is_is_used(
    tmp_path: Path, line: str, numbers: range, timing: str, seconds: float
) -> None:
    log = tmp_path / "train.log"
    log.write_text("loading 3 files\n" + lines(line, numbers) + "saved 1 file\n")
    found = propose(log)
    assert found
    assert (found.log.timing, found.log.clock) == (timing, "log")
    assert (found.lines, found.end, str(found.window)) == (len(numbers), 600, "100:500")
    assert found.measured
    assert found.measured.seconds_per_iteration == pytest.approx(seconds)


@pytest.mark.parametrize(
    "line",
    [
        "step {i} fwd 100.0 ms/step bwd 120.0 ms/step total 250.0 ms/step",
        "step {i} forward 0.10 s, backward 0.15 s",
    ],
)
@pytest.mark.parametrize("each", [1, 20])
def test_of_several_times_alike_none_is_the_value(tmp_path: Path, line: str, each: int) -> None:
    log = tmp_path / "train.log"
    log.write_text(lines(line, range(each, 601, each)))
    found = propose(log)
    assert found
    assert (found.log.clock, found.log.timing, found.lines) == ("arrival", None, 600 // each)


@pytest.mark.parametrize(
    ("line", "group"),
    [
        ("2026-01-01 00:{m:02}:{s:04.1f}  {i}/600 4.0it/s", "iteration"),  # not of the date
        ("train 640: {p}% --- {i}/600 4.0it/s", "iteration"),  # not the percents
        ("[{e}/6][{b}/100] loss 2.0 0.25 s/it", "epoch"),
        ("step {i}, ms per step: 250.0, lr 0.1", "iteration"),
    ],
)
def test_the_number_that_counts_iterations_is_told_apart(
    tmp_path: Path, line: str, group: str
) -> None:
    log = tmp_path / "train.log"
    numbers = [
        {"i": i, "p": i // 6, "e": (i - 1) // 100 + 1, "b": (i - 1) % 100 + 1}
        | {"m": i // 240, "s": i % 240 / 4}
        for i in range(6, 601, 6)
    ]
    log.write_text("".join(line.format(**each) + "\n" for each in numbers))
    found = propose(log)
    assert found
    assert f"(?P<{group}>" in (found.log.pattern or "")
    assert (found.log.clock, found.lines) == ("log", 100), found.rejected
    assert found.measured
    assert found.measured.seconds_per_iteration == pytest.approx(0.25)


def test_a_time_that_may_be_of_one_iteration_or_of_all_is_not_used(tmp_path: Path) -> None:
    """It is 0.25 s every 20 iterations: per iteration, or of the last alone, nobody can tell."""
    log = tmp_path / "train.log"
    log.write_text(lines("iter {i}, loss {loss:.3f}, time 250.00ms", range(0, 600, 20)))
    found = propose(log)
    assert found
    assert (found.log.clock, found.log.timing, found.log.counts_from) == ("arrival", None, 0)
    assert any("nothing in the log confirms it" in why for why in found.rejected)


@pytest.mark.parametrize(("each_s", "timing"), [(5, "interval_mean"), (100, "interval_total")])
def test_time_stamps_of_the_log_decide_what_a_time_is(
    tmp_path: Path, each_s: int, timing: str
) -> None:
    log = tmp_path / "train.log"
    text = "2026-01-01 {h:02d}:{m:02d}:{s:02d} iter {i} time {each}.00 s\n"
    stamps = [(i, i * 5) for i in range(20, 601, 20)]
    log.write_text(
        "".join(
            text.format(i=i, h=t // 3600, m=t // 60 % 60, s=t % 60, each=each_s) for i, t in stamps
        )
    )
    found = propose(log)
    assert found
    assert (found.log.clock, found.log.timing) == ("log", timing)
    assert found.measured
    assert found.measured.seconds_per_iteration == pytest.approx(5)


@pytest.mark.parametrize("name", ["detectron2-2019", "mmdetection", "timm", "minimask"])
@pytest.mark.usefixtures("repository")
def test_a_format_that_mrbench_knows_is_named(name: str) -> None:
    code, out, _ = mrbench(
        "new", "own.yaml", "--per-device", "2", "--log", str(LOGS / f"{name}.log")
    )
    assert code == 0
    known = load.load_path(Path("own.yaml")).recipe.log
    assert known.format == name.removesuffix("-2019")
    assert f"of the format {known.format}" in out


@pytest.mark.usefixtures("repository")
def test_a_log_of_epochs_of_unknown_length_gives_no_number() -> None:
    Path("results.csv").write_text(
        "epoch,time,train/box_loss\n" + "".join(f"{i},{i * 7.5},1.{i}\n" for i in range(1, 9))
    )
    code, out, _ = mrbench("new", "own.yaml", "--log", "results.csv")
    assert code == 0
    assert "s per iteration" not in out
    assert "log.every (line" in out
    assert "# TODO: give the iterations of one epoch" in Path("own.yaml").read_text()


@pytest.mark.usefixtures("repository")
def test_a_window_shorter_than_a_look_at_the_machine_is_told() -> None:
    for each, told in (("2.0 ms/it", True), ("4.0 ms/it", False)):  # of 400 iterations
        Path("train.log").write_text(lines(f"step {{i}} {each}", range(1, 601)))
        out = mrbench("new", f"own{each[0]}.yaml", "--log", "train.log")[1]
        assert ("the window takes 0.8 s" in out) == told


@pytest.mark.usefixtures("repository")
def test_a_log_that_ends_before_the_window_of_a_suite_that_stays_is_told() -> None:
    Path("train.log").write_text(lines("step {i} 2.0 s/it", range(1, 301)))
    known = ["--per-device", "2", "--log", "train.log"]
    assert "note" not in mrbench("new", "own.yaml", *known)[1]
    assert load.load_path(Path("own.yaml")).suite.window.last == 300
    Path("train.log").write_text(lines("step {i} 2.0 s/it", range(1, 201)))
    code, out, _ = mrbench("new", "other.yaml", "--log", "train.log")
    assert code == 0
    assert "suite.yaml exists and is kept" in out
    assert "iterations to 300, but this log ends at 200" in out


@pytest.mark.usefixtures("repository")
def test_a_pipe_is_no_log() -> None:
    os.mkfifo("train.log")
    code, _, err = mrbench("new", "own.yaml", "--log", "train.log")
    assert (code, "train.log" in err) == (6, True)
    assert not Path("own.yaml").exists()


@pytest.mark.usefixtures("repository")
def test_a_log_without_iterations_leaves_the_arrival_clock() -> None:
    Path("train.log").write_text("hello\nconv1 64 7\nconv2 128 3\nbye 9\n")
    code, out, _ = mrbench("new", "own.yaml", "--per-device", "2", "--log", "train.log")
    assert code == 0
    assert "no number in train.log grows" in out
    assert load.load_path(Path("own.yaml")).recipe.log.clock == "arrival"


@pytest.mark.usefixtures("repository")
def test_what_a_log_holds_reaches_no_terminal_raw() -> None:
    Path("train.log").write_text(lines("\x1b]0;x\x07step {i} \x1b[2J 2.0 s/it", range(1, 600)))
    code, out, _ = mrbench("new", "own.yaml", "--log", "train.log")
    assert code == 0
    assert "\x1b" not in out


@pytest.mark.usefixtures("repository")
def test_a_log_that_is_not_there_is_told() -> None:
    code, _, err = mrbench("new", "own.yaml", "--log", "none.log")
    assert code == 6
    assert "none.log" in err
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("repository")
def test_a_file_of_rows_is_perhaps_not_printed_and_that_is_told() -> None:
    Path("metrics.jsonl").write_text(lines('{{"step": {i}, "step_ms": 250.0}}', range(1, 601)))
    out = mrbench("new", "own.yaml", "--log", "metrics.jsonl")[1]
    assert "writes it, put file: '**/metrics.jsonl'" in out
    assert "step, step_ms\n" in out


def test_a_result_file_is_named_as_the_log(tmp_path: Path) -> None:
    log = tmp_path / "metrics.csv"
    log.write_text("".join(tokenlogs.litgpt_csv([0.5] * 600, 512)))
    found = propose(log)
    assert found
    assert (found.log.format, found.log.file) == ("litgpt-csv", "**/metrics.csv")
    assert found.measured
    assert found.measured.seconds_per_iteration == pytest.approx(0.5)


@pytest.mark.parametrize(
    "line",
    [
        "step {i} loss {loss:.3f} 98,600 tok/s",
        "step {i} loss {loss:.3f} tokens/sec: 98600",
        '{{"step": {i}, "loss": {loss:.3f}, "tokens_per_second": 98600}}',
        "step {i} loss {loss:.3f} 98.6 ktok/s",
        "step {i} loss {loss:.3f} dt 250.0ms tok/s 98600",
    ],
)
def test_a_rate_is_no_time_and_counts_in_its_own_unit_alone(tmp_path: Path, line: str) -> None:
    log = tmp_path / "train.log"
    log.write_text(lines(line, range(10, 601, 10)))
    found = propose(log, known=PartlyKnown(unit="tokens"))
    assert found
    assert (found.log.timing, found.log.clock) == ("rate", "log"), found.rejected
    assert found.measured
    assert found.measured.throughput == pytest.approx(98600)
    images = propose(log)
    assert images
    assert (images.log.clock, images.log.timing) == ("arrival", None)


@pytest.mark.usefixtures("repository")
def test_a_number_that_enters_the_throughput_must_be_given_before_a_run() -> None:
    command = ["--command", "python tools/train.py {per_device} {sequence_length} {accumulation}"]
    out = mrbench("new", "own.yaml", "--unit", "tokens", "--per-device", "4", *command)[1]
    assert "to fill in before it can be run: workload.sequence_length (line" in out
    code, _, err = mrbench("run", "--recipe", "own.yaml", "--dry-run")
    assert (code, err.count("is not filled in yet")) == (2, 2)
    known = ["--per-device", "4", "--sequence-length", "64", "--accumulation", "2"]
    mrbench("new", "known.yaml", "--unit", "tokens", *known, *command)
    plan = make_plan(load.load_path(Path("known.yaml")))
    assert plan.work_per_iteration == 4 * 64 * 2
    assert plan.command[-3:] == ("4", "64", "2")


@pytest.mark.usefixtures("repository")
def test_a_log_that_states_other_work_than_the_recipe_is_told() -> None:
    text = "tokens per iteration will be: 491,520\n"
    Path("train.log").write_text(text + lines("iter {i}: loss 2.0, time 250.00ms", range(600)))
    known = ["--per-device", "8", "--sequence-length", "1024", "--accumulation", "4"]
    out = mrbench("new", "own.yaml", "--log", "train.log", *known)[1]
    assert "number: 1966080.000 tokens/s, 0.250000 s per iteration" in out
    assert (
        "the log tells of 491,520 tokens in one iteration, but the workload has\n      32,768"
        in out
    )
    assert load.load_path(Path("own.yaml")).recipe.workload.unit == "tokens"
