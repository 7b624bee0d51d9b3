"""Two runs: what differs, what that means, and whether their numbers may be compared."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.record import provenance, rundir
from mrbench.record.formats import record_of as decoded
from mrbench.record.machine_rules import slowed_by
from mrbench.record.provenance import differing, facts
from toy import mrbench
from toyruns import TOOK, copy, load, make_runs, record_of, rewrite

KEPT = Path(__file__).parent / "kept" / "smoke"
GPUS: list[dict[str, Any]] = [
    {"name": "Tesla V100-SXM2-16GB", "uuid": "GPU-1", "memory_bytes": 16 << 30}
] * 2


def incomparable(a: RunRecord, b: RunRecord) -> list[str]:
    """Return why the numbers of two runs may not be compared."""
    return [f"{d} ({d.reason})" for d in differing(a, b) if d.kind == "must match"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> list[Path]:
    return make_runs(tmp_path_factory.mktemp("two"), git)


@pytest.fixture
def runs(two: list[Path], tmp_path: Path) -> list[Path]:
    return [copy(path, tmp_path) for path in two]


def compare(runs: Sequence[Path | str], cwd: Path, code: int) -> dict[str, Any]:
    done = mrbench("compare", *runs, "--json", cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["comparable"] == (code == 0)
    return answer


def loaded(run: Path) -> RunRecord:
    return rundir.load(run / "record.json")


def kinds(answer: dict[str, Any]) -> dict[str, str]:
    return {d["key"]: d["kind"] for d in answer["differences"]}


def test_two_runs_of_one_plan_may_be_compared(runs: list[Path], tmp_path: Path) -> None:
    answer = compare(runs, tmp_path, 0)
    assert answer["verdict"] == "May be compared: same plan, same machine."
    assert set(kinds(answer).values()) <= {"harmless"}
    rates = [record_of(run)["measurement"]["throughput"] for run in runs]
    assert answer["ratio_b_to_a"] == pytest.approx(rates[1] / rates[0])
    assert [answer[side]["throughput"] for side in "ab"] == rates
    assert answer["low_ratio_b_to_a"] is None, "one run a side tells no noise"
    sure = {"throughput": rates[0], "low": rates[0] - 1, "high": rates[0] + 1}
    rewrite(runs[0], lambda r: r["measurement"].update(interval=sure), digest=True)
    lines = mrbench("compare", runs[0].name, runs[1].name, cwd=tmp_path).stdout.splitlines()
    assert lines[0].startswith(f"B / A: {rates[1] / rates[0]:.4f}: B is ")
    assert "both are single runs" in " ".join(lines[:2])
    within = f"(within this run {rates[0] - 1:.3f} to {rates[0] + 1:.3f}), 1 run"
    assert f"{rates[0]:.3f} img/s {within}" in " ".join(" ".join(lines).split())


def repeats(run: Path, name: str, rates: Sequence[float], **plan: Any) -> list[Path]:  # noqa: ANN401 - JSON
    """Lay down copies of a run that differ by their speed and in their plan."""

    def change(record: dict[str, Any], number: int) -> None:
        record["plan"] |= plan
        record["plan_digest"] = name
        record["id"] += f"-{name}-{number}"
        record["started"] = f"2030-01-0{number + 1}T00:00:00Z"
        record["measurement"].update(throughput=rates[number], interval=None)

    made = []
    for number in range(len(rates)):
        place = shutil.copytree(run, run.with_name(f"{run.name}-{name}-{number}"))
        rewrite(place, lambda r, n=number: change(r, n), digest=True)  # type: ignore[misc]
        made.append(place)
    return made


OLD, NEW = (100.0, 101.0, 99.0), (95.0, 96.0, 94.5)


def test_repeats_are_compared_as_rows_or_by_their_names(runs: list[Path], tmp_path: Path) -> None:
    source = record_of(runs[0])["plan"]["source"] | {"commit": "abc1234" + "0" * 33}
    old = repeats(runs[0], "old", OLD)
    new = repeats(runs[0], "new", NEW, source=source, pinned=False)
    for run in runs:
        shutil.rmtree(run)
    answer = compare(["toy", "toy@abc1234"], tmp_path, 0)
    assert [answer[side]["run"] for side in "ab"] == ["toy", "toy@abc1234"]
    assert answer["a"]["run_throughput"] == list(OLD)
    # by scipy.stats.ttest_ind of the logarithms, equal_var=False
    assert answer["ratio_b_to_a"] == pytest.approx(0.951689, abs=1e-6)
    assert answer["low_ratio_b_to_a"] == pytest.approx(0.931974, abs=1e-5)
    assert answer["high_ratio_b_to_a"] == pytest.approx(0.971822, abs=1e-5)
    assert answer["conclusion"].startswith("B is 4.8 % slower (95 % interval 2.8 to ")
    told = mrbench("compare", "toy", "toys/toy@abc", cwd=tmp_path).stdout
    assert told.startswith("B / A: 0.9517 (95 % interval 0.9320 to 0.9718): B is 4.8 % slower")
    assert told.index("\ncode\n") < told.index("source.commit: ")
    assert "What may explain a difference: code." in " ".join(told.split()[-12:])
    words = [*map(str, old), "vs", *map(str, new)]
    again = compare(words, tmp_path, 0)
    assert again["high_ratio_b_to_a"] == answer["high_ratio_b_to_a"]
    (tmp_path / "mine").mkdir()
    for run in old:
        shutil.move(run, tmp_path / "mine")
    again = compare(["mine", "toy"], tmp_path, 0)
    assert again["ratio_b_to_a"] == answer["ratio_b_to_a"], "a folder of runs is a side, too"


def test_one_run_beside_repeats_takes_its_noise_from_a_baseline(
    runs: list[Path], tmp_path: Path
) -> None:
    first, second = runs
    repeats(first, "old", OLD)
    shutil.rmtree(first)
    (new,) = repeats(second, "new", NEW[:1])
    shutil.move(new, tmp_path / "new")
    shutil.rmtree(second)
    saved = mrbench("baseline", "save", "b.json", "--suite", "toys", cwd=tmp_path)
    assert saved.returncode == 0, saved.stderr
    assert compare(["toy", "new"], tmp_path, 0)["low_ratio_b_to_a"] is None
    told = mrbench("compare", "toy", "new", "--baseline", "b.json", cwd=tmp_path).stdout
    assert told.startswith("B / A: 0.9501 (95 % interval 0.9")
    assert "1 run, noise 1 % by the baseline" in " ".join(told.split())
    words = ("table", "--suite", "toys", "--relative-to", "toy", "--baseline", "b.json")
    assert mrbench(*words, cwd=tmp_path).returncode == 0


def test_sides_are_told_apart(runs: list[Path], tmp_path: Path) -> None:
    for words in (["a"], ["a", "b", "c"], ["vs", "b"], ["a", "vs"], ["a", "vs", "b", "vs", "c"]):
        done = mrbench("compare", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "give two runs or rows, or several with vs between them" in done.stderr
    done = mrbench("compare", "toy@fff", runs[0], cwd=tmp_path)
    assert done.returncode == 2
    assert "no row 'toy@fff'; " in done.stderr
    assert "the rows are: toy" in done.stderr
    answer = compare([*runs, "vs", runs[1], *repeats(runs[0], "x", [9.0, 9.1])], tmp_path, 0)
    assert answer["low_ratio_b_to_a"] is None
    assert answer["conclusion"].endswith("is not known, as a run stands on both sides")
    twice = compare([runs[0], runs[0], "vs", runs[1]], tmp_path, 0)
    assert len(twice["a"]["runs"]) == 1
    other = repeats(runs[1], "other", [50.0], gpus=8)
    answer = compare([runs[0], "vs", runs[1], other[0]], tmp_path, 7)
    assert "the runs of B differ, plan.gpus: " in answer["verdict"]
    source = record_of(runs[1])["plan"]["source"] | {"commit": "f" * 40}
    other = repeats(runs[1], "commit", [50.0], source=source)
    answer = compare([runs[0], "vs", runs[1], other[0]], tmp_path, 7)
    assert "the runs of B differ, plan.source.commit: " in answer["verdict"], "they are no repeats"


DRAWN = {"images": 2, "width": 32, "height": 32, "seed": 1}
FORBIDDEN: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("plan.window.last", lambda r: r["plan"]["window"].update(last=30)),
    ("plan.work_per_iteration", lambda r: r["plan"].update(work_per_iteration=8)),
    ("plan.per_device", lambda r: r["plan"].update(per_device=8)),
    ("plan.gpus", lambda r: r["plan"].update(gpus=8)),
    ("plan.accelerator", lambda r: r["plan"].update(accelerator="gpu")),
    ("plan.precision", lambda r: r["plan"].update(precision="float16")),
    ("plan.suite", lambda r: r["plan"].update(suite="others")),
    ("machine.gpus.names", lambda r: r["machine"].update(gpus=GPUS)),
    ("machine.cpu", lambda r: r["machine"].update(cpu="another")),
    ("plan.environment.image", lambda r: r["plan"]["environment"].update(image="x@sha256:1")),
    (
        "plan.data.synthetic.width",
        lambda r: r["plan"].update(data={"layout": "COCO", "synthetic": DRAWN | {"width": 64}}),
    ),
]


@pytest.mark.parametrize(("key", "change"), FORBIDDEN, ids=[key for key, _ in FORBIDDEN])
def test_what_forbids_a_comparison(
    runs: list[Path], tmp_path: Path, key: str, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(runs[1], change, digest=True)
    answer = compare(runs, tmp_path, 7)
    assert kinds(answer)[key] == "must match"
    assert key in answer["verdict"]
    assert answer["ratio_b_to_a"] is None
    told = mrbench("compare", *runs, cwd=tmp_path)
    assert told.returncode == 7
    assert "May NOT be compared" in told.stdout
    assert "B / A" not in told.stdout
    assert any(text.startswith(key) for text in incomparable(*map(loaded, runs)))


STATISTICS = ("mean", "p5", "p95")
EXPLAINING: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("plan.source.commit", lambda r: r["plan"]["source"].update(commit="0" * 40)),
    (
        "plan.patch_sha256.a.patch",
        lambda r: r["plan"]["patch_sha256"].update({"a.patch": "0" * 64}),
    ),
    ("plan.lock_sha256", lambda r: r["plan"].update(lock_sha256="0" * 64)),
    (
        "plan.variables.OMP_NUM_THREADS",
        lambda r: r["plan"]["variables"].update(OMP_NUM_THREADS="3"),
    ),
    ("machine.variables.NCCL_ALGO", lambda r: r["machine"]["variables"].update(NCCL_ALGO="Tree")),
    ("machine.memory_bytes", lambda r: r["machine"].update(memory_bytes=1)),
    ("machine.gpu_driver", lambda r: r["machine"].update(gpu_driver="410.48")),
    ("machine.python", lambda r: r["machine"].update(python="3.11.1")),
    ("package.numpy", lambda r: r["environment"]["frozen"].append("NumPy==0.1")),
    ("package.mxnext", lambda r: r["environment"]["frozen"].append("mxnext @ git+https://x/y@1")),
    ("workspace.tree", lambda r: r["workspace"].update(tree="0" * 40)),
    ("mrbench", lambda r: r.update(mrbench="0.0.1")),
    (
        "clock_mhz.0",
        lambda r: r["telemetry"].update(
            gpus=[{"index": 0, "uuid": "GPU-1", "sm_clock_mhz": dict.fromkeys(STATISTICS, 1381.2)}]
        ),
    ),
    ("forced", lambda r: r.update(forced=["compute capability 9.0"])),
]


@pytest.mark.parametrize(("key", "change"), EXPLAINING, ids=[key for key, _ in EXPLAINING])
def test_what_may_explain_a_difference(
    runs: list[Path], tmp_path: Path, key: str, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(runs[1], change, digest=True)
    answer = compare(runs, tmp_path, 0)
    assert kinds(answer)[key] == "may explain"
    assert answer["verdict"] == "May be compared: 1 thing differs that may explain a difference."
    assert answer["ratio_b_to_a"] is not None


def test_load_by_other_programs_is_no_harmless_difference(runs: list[Path], tmp_path: Path) -> None:
    rewrite(runs[1], load, digest=True)
    answer = compare(runs, tmp_path, 0)
    assert kinds(answer)["slowed.foreign_load"] == "may explain"
    assert "same machine" not in answer["verdict"]
    for columns in ((), ("--columns", "implementation,throughput")):
        table = mrbench("table", "--suite", "toys", *columns, cwd=tmp_path).stdout
        assert f"toy: {TOOK}" in " ".join(table.split())
    told = mrbench("compare", *runs, cwd=tmp_path).stdout
    assert "other programs took 0.21 of 2 cores" in " ".join(told.split())


def test_load_that_an_older_run_was_not_judged_by_is_found() -> None:
    old = json.loads(next(KEPT.glob("detectron2/*/record.json")).read_bytes())
    assert not slowed_by(decoded(json.dumps(old).encode(), "r"))
    old["telemetry"]["host"]["cpu_others_cores"] = 1.48
    found = slowed_by(decoded(json.dumps(old).encode(), "r"))
    assert found == {"foreign_load": "other programs took 1.48 of 2 cores"}


def test_another_host_is_harmless(runs: list[Path], tmp_path: Path) -> None:
    rewrite(runs[1], lambda r: r["machine"].update(host="elsewhere"), digest=True)
    answer = compare(runs, tmp_path, 0)
    assert kinds(answer)["machine.host"] == "harmless"
    assert "same machine" in answer["verdict"]


INVALID = {"verdict": "invalid", "why": "not alone"}
NUMBERLESS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("failed: no room", lambda r: r.update(status="failed", reason="no room")),
    ("invalid: not alone", lambda r: r.update(validity=INVALID)),
]


@pytest.mark.parametrize(("reason", "change"), NUMBERLESS, ids=[text for text, _ in NUMBERLESS])
def test_a_run_without_a_number_is_not_compared(
    runs: list[Path], tmp_path: Path, reason: str, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(runs[1], change, digest=True)
    answer = compare(runs, tmp_path, 7)
    assert f"B has no number: {reason}" in answer["verdict"]
    assert answer["b"]["throughput"] is None


def test_an_edited_record_is_not_compared(runs: list[Path], tmp_path: Path) -> None:
    rewrite(runs[0], lambda r: r["measurement"].update(throughput=1e6), digest=False)
    answer = compare(runs, tmp_path, 7)
    assert "A has no number: its record was edited" in answer["verdict"]


def test_archives_compare_as_folders_do(runs: list[Path], tmp_path: Path) -> None:
    assert mrbench("pack", runs[1], "-o", "b.tar.gz", cwd=tmp_path).returncode == 0
    answer = compare([runs[0], "b.tar.gz"], tmp_path, 0)
    assert answer["ratio_b_to_a"] == compare(runs, tmp_path, 0)["ratio_b_to_a"]


def test_implementations_of_one_suite_may_be_compared(tmp_path: Path) -> None:
    a, b, other = (next((KEPT / n).iterdir()) for n in ("detectron2", "torchvision", "tensorpack"))
    answer = compare([a, b], tmp_path, 0)
    assert "detectron2 and torchvision of one suite" in answer["verdict"]
    assert kinds(answer)["package.opencv-python-headless"] == "may explain"
    assert kinds(answer)["plan.implementation"] == "may explain"
    # of another batch; between runs of one implementation that forbids it
    answer = compare([a, other], tmp_path, 0)
    assert kinds(answer)["plan.work_per_iteration"] == "may explain"


SIZES = ("800/1333", "800/1333", "600/1000")


def test_models_of_their_own_stay_apart_in_runs_of_before_their_suite_said_so() -> None:
    runs = [next(KEPT.parent.glob(f"detectors-smoke/{n}/*")) for n in ("rtdetrv2", "d-fine")]
    records = []
    for run in runs:
        record = json.loads((run / "record.json").read_bytes()) | {"digest": None}
        record["suite"].pop("one_model", None)
        records.append(decoded(json.dumps(record).encode(), "record.json"))
    assert [str(d) for d in differing(*records) if d.kind == "must match"] == [
        "own_model: rtdetrv2 / d-fine"
    ]


def test_what_one_log_does_not_state_forbids_nothing() -> None:
    record = json.loads(next(KEPT.glob("detectron2/*/record.json")).read_bytes())
    sizes = [
        decoded(json.dumps(record | {"stated": stated}).encode(), "record.json")
        for stated in (
            *({"image_size": {"value": s, "line": i}} for i, s in enumerate(SIZES)),
            {},
        )
    ]
    assert incomparable(sizes[0], sizes[1]) == []
    (text,) = incomparable(sizes[0], sizes[2])
    assert text.startswith("stated.image_size: 800/1333 / 600/1000")
    assert incomparable(sizes[0], sizes[3]) == []


def test_every_key_of_the_table_begins_a_fact_that_records_have(two: list[Path]) -> None:
    record = record_of(two[0])
    record["machine"]["gpus"] = GPUS
    known = provenance.KEYS | provenance.ON_CPU | provenance.BETWEEN
    parts = {key.partition(".")[0] for key in known}
    known_beside = {"package", "weights", "stated", "clock_mhz", "slowed", "own_model"}
    assert parts <= {*provenance.PARTS, *known_beside}
    plan = {key.split(".")[1] for key in known if key.startswith("plan.")}
    derived = {"trained_from"}  # of the weights
    assert plan <= record["plan"].keys() | Plan.LATER.keys() | derived
    machine = {key.split(".")[1] for key in known if key.startswith("machine.")}
    assert machine <= record["machine"].keys()
    on_gpus = facts(decoded(json.dumps(record).encode(), "record.json"))
    assert on_gpus["machine.gpus.names"] == ", ".join([GPUS[0]["name"]] * 2)
    assert on_gpus["machine.gpus.each.1.uuid"] == "GPU-1"


def test_what_is_no_run_is_told_in_one_line(tmp_path: Path) -> None:
    done = mrbench("compare", "nope", "nope", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mrbench: no run 'nope'")
