"""Rules of validity: each ok, failed and not checked; by records, and by real runs of a toy."""

import json
import os
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mrbench.model.record import RunRecord
from mrbench.model.suite import Rule, RuleName
from mrbench.recipe import load
from mrbench.record import rules
from mrbench.record.default_rules import default_rules
from mrbench.record.formats import record_of
from mrbench.record.judge import judge_record
from mrbench.record.machine_rules import slowed_by
from test_checks_gpus import build
from toy import edit, make_suite, mrbench, outcomes, records

KEPT = next(Path(__file__).parent.glob("kept/smoke/detectron2/*/record.json"))
RULES = """\
  - {rule: work_per_iteration, reason: another batch is another workload}
  - {rule: gpus, reason: idle GPUs make another number}
  - {rule: window, at_least: 1.0, reason: holes may hide the slow ones, otherwise: note}
  - {rule: loss, at_most: 3.0, reason: a diverging detector does other work}
  - {rule: single_process, reason: a resumed run skips the warm-up}
  - {rule: alone, reason: others take time}
  - {rule: throttling, reason: heat slows}
"""


def record(**change: Any) -> RunRecord:  # noqa: ANN401 - JSON
    """Return a kept record with other values."""
    plan = {
        "window": {"first": 100, "last": 500},
        "work_per_iteration": 16,
        "per_device": 2,
        "gpus": 8,
        "accelerator": "gpu",
        "precision": "float32",
        "image_size": "800/1333",
    }
    measurement = {
        "iterations": 400,
        "intervals": 20,
        "processes": 1,
        "began": 0,
        "clock": "log",
        "second_clock": "arrival",
        "agreement": 1.001,
        "agreement_error": 0.0,
        "loss_first": 2.0,
        "loss_last": 1.5,
        "warnings": [],
    }
    base = json.loads(KEPT.read_bytes()) | {"telemetry": None, "stated": {}}
    base["plan"] |= plan | change.pop("plan", {})
    base["measurement"] |= measurement | change.pop("measurement", {})
    return record_of(json.dumps(base | change).encode(), "record.json")


def stated(**values: str) -> dict[str, Any]:
    return {"stated": {name: {"value": text, "line": 7} for name, text in values.items()}}


def seen(**values: object) -> dict[str, Any]:
    good = {"samples": 9, "problems": [], "gpus_in_use": 8, "foreign": [], "gpus": [gpu(0), gpu(1)]}
    return {"telemetry": good | values}


def gpu(index: int, **slowed: float) -> dict[str, Any]:
    return {"index": index, "uuid": f"GPU-{index}", "slowed_share": {"power cap": 1.0} | slowed}


UNTOLD = {"index": 2, "uuid": "GPU-2", "slowed_share": None}


CPU = {"plan": {"accelerator": "cpu"}}


@pytest.mark.parametrize(
    ("rule", "change", "outcome", "says"),
    [
        ("work_per_iteration", stated(work_per_iteration="16"), "ok", "16 (line 7)"),
        ("work_per_iteration", stated(per_device="4"), "failed", "4 by the log (line 7), 2"),
        ("work_per_iteration", {}, "not checked", "does not state"),
        ("gpus", stated(gpus="8"), "ok", "GPUs: 8"),
        ("gpus", stated(gpus="4"), "failed", "GPUs: 4 by the log (line 7), 8 by the plan"),
        ("gpus", seen(), "ok", "seen on 8"),
        ("gpus", seen(gpus_in_use=7), "failed", "seen on 7, 8 by the plan"),
        ("gpus", {}, "not checked", "does not state"),
        ("precision", stated(precision="float16"), "failed", "float16 by the log"),
        ("precision", stated(precision="float32"), "ok", "float32"),
        ("image_size", stated(image_size="640/1333"), "failed", "640/1333 by the log"),
        (
            "image_size",
            {"plan": {"image_size": None}, **stated(image_size="1/2")},
            "not checked",
            "say",
        ),
        ("window", {}, "ok", "400 of the window's 400"),
        ("window", {"measurement": {"iterations": 420}}, "ok", "400 of the window's 400"),
        ("window", {"measurement": {"iterations": 350}}, "failed", "350 of the window's 400"),
        ("loss", {}, "ok", "from 2 to 1.5"),
        ("loss", {"measurement": {"loss_last": 25.0}}, "failed", "from 2 to 25"),
        ("loss", {"measurement": {"loss_first": None}}, "not checked", "fewer than four losses"),
        ("single_process", {}, "ok", "from the first iteration"),
        ("single_process", {"measurement": {"processes": 3}}, "failed", "3 processes"),
        ("single_process", {"measurement": {"began": 90}}, "failed", "began at iteration 88"),
        ("single_process", {"measurement": {"began": 1}}, "ok", "one process"),
        ("single_process", {"measurement": {"began": None}}, "not checked", "not recorded"),
        ("clocks", {}, "ok", "arrival clock tells 1.0010"),
        ("clocks", {"measurement": {"agreement": 1.03}}, "failed", "1.0300"),
        ("clocks", {"measurement": {"agreement": 1.03, "agreement_error": 0.03}}, "ok", "1.03"),
        ("clocks", {"measurement": {"agreement": None}}, "not checked", "no second clock"),
        ("alone", seen(), "ok", "no other program"),
        ("alone", seen(foreign=["GPU 1: x (pid 9)"]), "failed", "GPU 1: x (pid 9)"),
        ("alone", {}, "not checked", "could not be looked at"),
        ("alone", CPU, "ok", "no GPU is needed"),
        ("alone", seen(foreign=None), "not checked", "could not be told"),
        (
            "alone",
            {"telemetry": {"samples": 0, "problems": ["NVML: x"]}},
            "not checked",
            "while it trained (NVML: x)",
        ),
        ("throttling", seen(gpus=[gpu(3, heat=0.4)]), "failed", "GPU 3 by heat for 40% of the"),
        ("throttling", seen(), "ok", "no GPU was slowed"),
        ("throttling", seen(gpus=[gpu(0), UNTOLD]), "not checked", "whether GPU 2 was slowed"),
        ("throttling", seen(gpus=[gpu(3, heat=0.4), UNTOLD]), "failed", "GPU 3 by heat"),
        ("throttling", {}, "not checked", "could not be looked at"),
    ],
)
def test_each_rule(rule: Any, change: dict[str, Any], outcome: str, says: str) -> None:  # noqa: ANN401 - a literal
    found = judge_record(record(**change), [Rule(rule=rule, reason="it matters")]).findings[0]
    assert (found.outcome, found.reason) == (outcome, "it matters")
    assert says in found.text


UNSEEN = seen(span_s=0.8, host={"name": "a", "processors": 2})


def loaded(others: float, stolen: float = 0.0, *, nodes: bool = False) -> dict[str, Any]:
    def host(name: str, others: float, stolen: float) -> dict[str, Any]:
        load = {"usable_cores": 2, "training_cores": 1, "others_cores": others}
        return {"name": name, "processors": 2, "cpu_load": load | {"stolen_cores": stolen}}

    found = seen(host=host("a", 0 if nodes else others, stolen))
    other = {"samples": 9, "host": host("b", others, stolen), "tree": {}, "own": {}}
    found["telemetry"]["other_nodes"] = [other] if nodes else None
    return found


@pytest.mark.parametrize(
    ("change", "verdict", "says"),
    [
        (loaded(0.09), "valid", "other programs took 0.09 of 2 cores"),
        (loaded(0.11), "valid with notes", "took 0.11 of 2 cores: it may be faster on a quiet"),
        (loaded(0.39), "valid with notes", "other programs took 0.39 of 2 cores"),
        (loaded(0.41), "invalid", "other programs took 0.41 of 2 cores: it may be faster"),
        (loaded(1.48), "invalid", "took 1.48 of 2 cores: it would be faster on a quiet machine"),
        (loaded(0.1, 0.4), "invalid", "took 0.10 of 2 cores, the hypervisor 0.40: it may"),
        (loaded(0.41, nodes=True), "invalid", "on b other programs took 0.41 of 2 cores"),
        ({}, "valid", "the load by other programs is unknown (there is no telemetry of it)"),
        (UNSEEN, "valid with notes", "the window of 0.8 s is too short to see other programs"),
    ],
)
def test_foreign_load_is_a_rule_of_every_suite(
    change: dict[str, Any], verdict: str, says: str
) -> None:
    """More than 5 % of the cores is a note, more than 20 % invalid; a suite may say otherwise."""
    found = record(**change)
    rules = default_rules(found.suite)
    validity = judge_record(found, rules)
    (finding,) = [f for f in validity.findings if f.rule == "foreign_load"]
    assert validity.verdict == verdict
    assert says in finding.text
    assert validity.why + "".join(validity.notes) == (finding.text if verdict != "valid" else "")
    own = Rule(rule="foreign_load", reason="r", otherwise="note", at_most=1.0)
    lenient = replace(found.suite, rules=(own,))
    assert "foreign_load" not in {rule.rule for rule in default_rules(lenient)}


def test_a_window_in_which_nobody_could_be_seen_is_not_called_slowed() -> None:
    found = record(**UNSEEN)
    found = replace(found, validity=judge_record(found, default_rules(found.suite)))
    assert slowed_by(found) == {}


def limits(**shares: float | None) -> dict[str, Any]:
    told: dict[str, float | None] = {
        "quota_cores": 1.5,
        "throttled_share": 0.0,
        "memory_stalled_share": 0.0,
    }
    told |= {"heat_share": 0.0, "clock_share": 0.7} | shares
    return seen(host={"name": "a", "processors": 2, "cpu_limits": told})


@pytest.mark.parametrize(
    ("change", "broken", "says"),
    [
        (limits(), "", ""),
        (limits(throttled_share=0.4), "cpu_throttling", "quota of 1.5 cores stopped it in 40% of"),
        (limits(heat_share=0.06), "cpu_throttling", "heat slowed the CPUs for 6% of the window"),
        (limits(clock_share=0.3), "cpu_throttling", "the fastest CPU ran at 30% of its highest"),
        (limits(memory_stalled_share=0.1), "memory_pressure", "for 10% of the window processes"),
    ],
)
def test_what_slowed_the_processors_is_a_note(
    change: dict[str, Any], broken: str, says: str
) -> None:
    found = record(**change)
    validity = judge_record(found, default_rules(found.suite))
    failed = [f for f in validity.findings if f.outcome == "failed"]
    assert [f.rule for f in failed] == ([broken] if broken else [])
    assert says in "".join(validity.notes)


def test_what_is_not_told_is_not_checked() -> None:
    found = record(**limits(heat_share=None, clock_share=None))
    told = {f.rule: f for f in judge_record(found, default_rules(found.suite)).findings}
    assert told["cpu_throttling"].outcome == "not checked"
    assert told["cpu_throttling"].text == "heat and clocks of the CPUs are not reported here"
    older = judge_record(record(), default_rules(found.suite)).findings
    assert {f.outcome for f in older} <= {"not checked", "ok"}


def test_every_rule_that_can_be_written_is_checked() -> None:
    assert set(rules.RULES) == set(typing.get_args(RuleName))


def test_the_verdict_is_the_worst_that_was_found() -> None:
    broken = record(measurement={"iterations": 350})
    strict, mild = (
        Rule(rule="window", reason="r", otherwise=otherwise) for otherwise in ("invalid", "note")
    )
    assert judge_record(broken, [mild]).verdict == "valid with notes"
    assert judge_record(broken, [mild, strict]).verdict == "invalid"
    assert "350 of" in judge_record(broken, [strict]).why
    assert judge_record(record(), [mild, strict]).verdict == "valid"
    warned = record(measurement={"warnings": ["marks are off"]})
    assert judge_record(warned, []).notes == ("marks are off",)
    failed = judge_record(record(status="stalled", reason="nothing was printed"), [strict])
    assert (failed.verdict, failed.why) == ("invalid", "stalled: nothing was printed")


@pytest.mark.parametrize("suite", [s for s in load.suite_names() if load.implementations(s)])
def test_each_suite_that_can_be_run_states_its_rules_with_reasons(suite: str) -> None:
    rules = load.load_suite(suite).rules
    names = [rule.rule for rule in rules]
    assert len(names) == len(set(names))
    wanted = {"work_per_iteration", "gpus", "window", "loss", "single_process", "clocks"}
    assert wanted <= set(names)
    assert all(rule.reason.endswith(".") for rule in rules)


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    path = make_suite(tmp_path, git)
    with (path.parent / "suite.yaml").open("a") as suite:
        suite.write(RULES)
    train = tmp_path / "upstream" / "train.py"
    edit(train, 'print("training"', 'print("batch 4, 1 device"')
    return path


def run(path: Path, *words: object) -> tuple[int, dict[str, Any], str]:
    done = mrbench("run", "--json", "--recipe", path, *words, cwd=path.parent)
    return done.returncode, records(done.stdout)[0], done.stderr


def commit(path: Path, git: Callable[..., str]) -> None:
    """Commit what the upstream's folder holds, and pin it."""
    upstream = path.parents[1] / "upstream"
    old = git(upstream, "rev-parse", "HEAD")
    git(upstream, "commit", "-qam", "changed")
    edit(path, old, git(upstream, "rev-parse", "HEAD"))


def test_a_run_of_another_batch_is_invalid_and_stays_out_of_the_table(
    toy: Path, git: Callable[..., str]
) -> None:
    commit(toy, git)
    edit(toy, "  every: 10\n", "  every: 10\n  states: {work_per_iteration: '^batch (\\d+)'}\n")
    code, good, _ = run(toy)
    assert (code, outcomes(good)["work_per_iteration"]) == (0, "ok")
    edit(toy, "per_device: 4", "per_device: 8")
    code, bad, told = run(toy)
    assert (code, bad["status"], bad["validity"]["verdict"]) == (6, "ok", "invalid")
    assert bad["validity"]["why"] == "images per iteration: 4 by the log (line 1), 8 by the plan"
    assert "invalid: images per iteration" in told
    shown = mrbench("table", "--suite", "toys", cwd=toy.parent).stdout
    assert "invalid: images per iteration: 4 by the log" in shown
    assert f"{bad['measurement']['throughput']:.0f}" not in shown
    tells = mrbench("show", bad["id"], cwd=toy.parent).stdout
    assert "work_per_iteration failed: images per iteration: 4 by the log" in tells


GPU_TRAIN = """import os, sys, time
with open(os.environ["STUB_PIDS"], "w") as pids:
    pids.write(f"0 {os.getpid()} 1 {os.getpid()}")
"""


@pytest.fixture
def gpus(
    toy: Path, tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Make the toy a training on two GPUs of the stub, which knows it by what it writes."""
    build(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("STUB_PIDS", str(tmp_path / "pids"))
    edit(toy.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 2")
    edit(tmp_path / "upstream" / "train.py", "import sys, time\n", GPU_TRAIN)
    edit(toy, "launch:\n", "launch:\n  inherit: [STUB_PIDS]\n")
    edit(toy, "60 0.002", "6000 0.05")  # it must be looked at while it trains
    commit(toy, git)
    return toy


def test_the_gpus_are_looked_at_behind_the_window(gpus: Path) -> None:
    code, found, _ = run(gpus)
    assert code == 0
    assert found["telemetry"]["gpus_in_use"] == 2
    assert found["telemetry"]["foreign"] == []
    looked_at = outcomes(found)
    assert {looked_at[rule] for rule in ("gpus", "alone", "throttling")} == {"ok"}


def test_a_training_that_leaves_a_gpu_idle_is_invalid(gpus: Path, git: Callable[..., str]) -> None:
    edit(gpus.parents[1] / "upstream" / "train.py", " 1 {os.getpid()}", "")
    commit(gpus, git)
    code, found, _ = run(gpus)
    assert code == 6
    assert found["validity"]["why"] == "GPUs: the training was seen on 1, 2 by the plan"


def test_others_on_the_gpus_and_heat_are_found(gpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_PID", str(os.getpid()))  # and the stub's last GPU is hot
    code, found, _ = run(gpus)
    assert code == 6
    broken = {
        f["rule"]: f["text"] for f in found["validity"]["findings"] if f["outcome"] == "failed"
    }
    assert f"(pid {os.getpid()})" in broken["alone"]
    assert "GPU 1 by heat (hardware)" in broken["throttling"]


def test_a_batch_that_nothing_tells_and_no_line_confirms_is_a_note(toy: Path) -> None:
    word = "4 images per iteration are the recipe's word: no line of the log confirms them"
    code, found, said = run(toy)
    assert (code, found["validity"]["verdict"]) == (0, "valid with notes")
    assert word in said
    edit(toy, "launch:\n", 'launch:\n  variables: {BATCH: "{per_device}"}\n')
    assert word not in run(toy)[2]


def epoch(images: int, tall: int, size: int) -> int:
    """Return the batches of an epoch by maskrcnn-benchmark's GroupedBatchSampler (drop_uneven off).

    Wide and tall images are batched apart, and of each what is left makes a smaller batch.
    """
    return -(-(images - tall) // size) + -(-tall // size)


def counted(images: int, batch: int, told: int | None = None) -> tuple[str, str]:
    """Return verdict and words on a data set's size, trained on one GPU in iterations 101-500."""
    plan = {"work_per_iteration": batch, "per_device": batch, "gpus": 1}
    stated = {} if told is None else {"iterations_per_epoch": {"value": str(told), "line": 7}}
    found = replace(record(plan=plan, stated=stated), data_images=images)
    rules = [rule for rule in default_rules(found.suite) if rule.rule == "whole_batches"]
    validity = judge_record(found, rules)
    return validity.verdict, validity.findings[0].text


@pytest.mark.parametrize(
    ("images", "tall", "batch", "more", "bound"),
    [(100, 30, 16, 12.0, 30.0), (118, 48, 16, 8.5, 25.4), (64, 21, 2, 3.1, 3.1)],
)
def test_images_of_a_small_data_set_are_counted(
    images: int, tall: int, batch: int, more: float, bound: float
) -> None:
    verdict, text = counted(images, batch, epoch(images, tall, batch))
    assert verdict == "invalid"
    assert f"(line 7) count {epoch(images, tall, batch) * batch} images of {images}" in text
    assert f"the number is {more}% too high" in text
    verdict, text = counted(images, batch)
    assert verdict == "valid with notes"
    assert f"the number is up to {bound}% too high (workload.whole_batches says" in text


def test_where_batches_are_whole_or_the_data_set_large_nothing_is_said() -> None:
    assert counted(64, 1)[0] == "valid"  # no batch is smaller than one image
    assert counted(112, 16, 7)[0] == "valid"
    assert counted(117_266, 16)[0] == "valid"
    assert counted(0, 16, 7)[0] == "valid"
    # mmdetection's RepeatDataset goes through them three times an epoch
    assert counted(4800, 16, 900)[0] == "valid"
    verdict, text = counted(100, 16, 19)
    assert verdict == "invalid"
    assert "304 images of 100 taken 3 times: the number is 1.3% too high" in text
    found = record().suite
    rules = default_rules(found, whole_batches=True)
    assert "whole_batches" not in {rule.rule for rule in rules}


def test_the_images_of_a_small_data_set_are_recorded(toy: Path, tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(10)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.json").write_text(json.dumps({"images": images}))
    toy.write_text(toy.read_text() + "data: {layout: any, needs: [train.json]}\n")
    done = mrbench("run", "--recipe", toy, "--data", tmp_path / "data", "--json", cwd=tmp_path)
    (found,) = records(done.stdout)
    assert found["data_images"] == 10
    assert "10 images: if batches are smaller there" in " ".join(found["validity"]["notes"])


def test_images_that_are_only_evaluated_are_not_counted(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "val.json").write_text('{"images": [{}]}')
    toy.write_text(toy.read_text() + "data: {layout: any, needs: [val.json]}\n")
    done = mrbench("run", "--recipe", toy, "--data", tmp_path / "data", "--json", cwd=tmp_path)
    (found,) = records(done.stdout)
    assert "data_images" not in found
