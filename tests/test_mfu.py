"""How much of a GPU's peak a run uses: the right peak or a reason, never above 100 % and valid."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.mfu.formula import LONGEST, evaluate, worked_out
from mrbench.measure.mfu.peaks import content, peaks_of
from mrbench.measure.mfu.utilisation import mfu_of
from mrbench.model.inputs import Window
from mrbench.model.mfu import FlopsPerUnit, Mfu, NumberFormat
from mrbench.model.record import RunRecord, Validity
from mrbench.model.suite import Hardware, Rule, Suite
from mrbench.model.table import TableRow
from mrbench.record.default_rules import default_rules
from mrbench.record.formats import record_of
from mrbench.record.judge import judge_record
from mrbench.results.rows import make_rows, table_run
from mrbench.results.show import describe_run
from mrbench.results.table import render
from test_checks_gpus import build
from toy import edit, make_suite, mrbench, outcomes, records

KEPT = next(Path(__file__).parent.glob("kept/smoke/torchvision/*/record.json"))
SAMPLES_PER_S = 1000.0
FLOPS = {
    "per_unit": 2e11,
    "attention_per_unit": 4e10,
    "formula": "6 * parameters",
    "values": {"parameters": 1e9},
    "attention": "full",
    "arithmetic": "bf16",
    "source": "a paper",
}


def record(gpu: str | None = "NVIDIA A100-SXM4-80GB", **change: Any) -> RunRecord:  # noqa: ANN401 - JSON
    """Return a kept run as one of 1000 img/s on two GPUs of this name, with FLOPs stated."""
    content = record_of(KEPT.read_bytes(), str(KEPT)).plain()
    content["telemetry"] = change.pop("telemetry", None)
    content["machine"]["gpus"] = change.pop("gpus", [{"name": gpu}] * 2)
    content["machine"]["variables"] = change.pop("variables", {})
    flops = change.pop("flops", {})
    content["plan"] |= {"flops": flops if flops is None else FLOPS | flops}
    content["plan"] |= {"accelerator": "gpu", "gpus": 2}
    metric = {"value": change.pop("printed", None), "unit": change.pop("printed_unit", "")}
    content["plan"] |= change
    content["measurement"] |= {"throughput": SAMPLES_PER_S, "metrics": {"mfu": metric}}
    return record_of(json.dumps(content).encode(), "record.json")


def found(gpu: str | None = "NVIDIA A100-SXM4-80GB", **change: Any) -> Mfu:  # noqa: ANN401 - JSON
    answer = mfu_of(record(gpu, **change))
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("name", "arithmetic", "tflops"),
    [
        ("NVIDIA L40S", "bf16", 362.05),
        ("NVIDIA L4", "bf16", 121),
        ("NVIDIA GeForce RTX 4090", "bf16", 165.2),
        ("Tesla V100-SXM2-16GB", "fp16", 125),
        ("NVIDIA H100 NVL", "bf16", 835),
        ("NVIDIA H100 80GB HBM3", "bf16", 989.4),
        ("NVIDIA H100 80GB HBM3", "tf32", 494.7),
        ("NVIDIA H100 PCIe", "bf16", 756),
        ("NVIDIA H200", "bf16", 989.5),
        ("NVIDIA B200", "bf16", 2250),
        ("AMD Instinct MI300X", "bf16", 1307.4),
        ("NVIDIA A100-SXM4-40GB", "bf16", 312),
        ("A100-SXM4-40GB", "bf16", 312),  # as drivers of 2020 name it
    ],
)
def test_each_gpu_has_its_own_dense_peak(
    name: str, arithmetic: NumberFormat, tflops: float
) -> None:
    gpu = peaks_of(name)
    assert gpu is not None
    assert gpu.of(arithmetic)[0].tflops == tflops


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "NVIDIA L40",
        "NVIDIA A10G",
        "NVIDIA H100",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA T400 4GB",
        "A100",
        "",
    ],
)
def test_no_gpu_is_taken_for_another(name: str) -> None:
    assert peaks_of(name) is None


def test_no_bf16_peak_is_made_up_for_a_v100() -> None:
    gpu = peaks_of("Tesla V100-SXM2-32GB")
    assert gpu is not None
    assert gpu.of("bf16") == ()


def test_peaks_are_dense() -> None:
    """Half the bits make twice the dense peak; a figure with sparsity would be four times it."""
    narrower: dict[NumberFormat, NumberFormat] = {"tf32": "bf16", "bf16": "fp8"}
    for gpu in content().gpus:
        for wide, narrow in narrower.items():
            for one in gpu.of(wide):
                for other in gpu.of(narrow):
                    assert other.tflops / one.tflops == pytest.approx(2, rel=0.05), gpu.names
    used = {entry.source for gpu in content().gpus for entry in gpu.peaks}
    assert used == set(content().sources)
    assert all(peaks_of(name) for mistake in content().mistakes for name in mistake.gpus)


def test_mfu_is_throughput_per_device_times_flops_by_the_peak() -> None:
    answer = found()
    assert answer.tflops_per_device == pytest.approx(100)
    assert answer.value == pytest.approx(100 / 312)
    assert answer.peak is not None
    assert (answer.peak.tflops, answer.gpu) == (312, "NVIDIA A100-SXM4-80GB")
    assert "A100 data sheet" in answer.peak.source
    assert [peak.tflops for peak in found("NVIDIA L40S").other_peaks] == [366.43]


def gpus(*names: str | None, **more: object) -> dict[str, Any]:
    each = [{"index": i, "uuid": f"GPU-{i}", "name": name, **more} for i, name in enumerate(names)]
    return {"samples": 9, "problems": [], "gpus_in_use": len(names), "gpus": each}


L40S, A100 = "NVIDIA L40S", "NVIDIA A100-SXM4-80GB"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gpu": "NVIDIA A10G"}, "no dense peak of NVIDIA A10G is known"),
        ({"gpu": None}, "the GPU's name is not known"),
        ({"gpus": []}, "the GPU's name is not known"),
        ({"gpus": [{"name": L40S}, {"name": A100}]}, f"several kinds of GPU: {A100}, {L40S}"),
        ({"accelerator": "cpu"}, "it trained on CPUs"),
        ({"telemetry": gpus(A100, A100, mig=True)}, "split into instances (MIG)"),
        ({"telemetry": gpus(A100)}, "was seen on 1 GPUs, 2 by the plan"),
        ({"gpu": "NVIDIA H100 NVL", "flops": {"arithmetic": "fp8"}}, "no dense fp8 peak of"),
        ({"flops": {"arithmetic": None}, "precision": "amp"}, "precision amp does not tell"),
        ({"flops": {"arithmetic": None}, "precision": "float32"}, "whether float32 is computed as"),
    ],
)
def test_what_is_not_known_is_a_reason_and_no_number(change: dict[str, Any], reason: str) -> None:
    answer = found(**change)
    assert answer.value is None
    assert reason in answer.reason


def test_only_the_gpus_that_were_used_count() -> None:
    both = [{"name": L40S}, {"name": A100}]
    answer = found(gpus=both, telemetry=gpus(A100, A100))
    assert answer.value == pytest.approx(100 / 312)


@pytest.mark.parametrize(
    ("change", "tflops"),
    [
        ({"precision": "bfloat16"}, 312),
        ({"precision": "float32", "variables": {"NVIDIA_TF32_OVERRIDE": "0"}}, 19.5),
        ({"precision": "float32", "gpu": "Tesla V100-SXM2-16GB"}, 15.7),
        ({"precision": "float32", "flops": {"arithmetic": "tf32"}}, 156),
    ],
)
def test_the_number_format_decides_which_peak_counts(change: dict[str, Any], tflops: float) -> None:
    answer = found(**{"flops": {"arithmetic": None}, **change})
    assert answer.peak is not None
    assert answer.peak.tflops == tflops


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"flops": {"arithmetic": "fp32"}}, "the arithmetic is tf32, not fp32 (then 64.1%)"),
        ({"flops": {"per_unit": 2e12}, "work_per_iteration": 64}, "a device's whole iteration"),
        ({"flops": {"per_unit": 7e11}}, "is of 2 devices, not of one (then 56.1%)"),
        (
            {"flops": {"per_unit": 2e14}, "unit": "tokens", "sequence_length": 1024},
            "of a sequence of 1024 tokens, not of a token (then 31.3%)",
        ),
    ],
)
def test_more_than_the_gpu_can_do_is_invalid_and_says_why(
    change: dict[str, Any], cause: str
) -> None:
    run = record(**change)
    judged = with_mfu(run)
    assert judged.verdict == "invalid"
    assert "is more than a GPU can do (of " in judged.why
    assert cause in judged.why


def with_mfu(run: RunRecord) -> Validity:
    return judge_record(replace(run, mfu=mfu_of(run)), default_rules(run.suite, states_flops=True))


def test_no_suite_makes_more_than_the_gpu_can_do_valid() -> None:
    run = record(flops={"per_unit": 7e11})
    own = Rule(rule="mfu", reason="any", otherwise="note", at_most=9.0)
    suite = replace(run.suite, rules=(own,))
    rules = (*suite.rules, *default_rules(suite, states_flops=True))
    assert judge_record(replace(run, mfu=mfu_of(run)), rules).verdict == "invalid"
    strict = Rule(rule="mfu", reason="any", at_most=0.1)
    run = record()
    judged = judge_record(replace(run, mfu=mfu_of(run)), (strict,))
    assert judged.why.endswith("NVIDIA A100-SXM4-80GB; 10.0% at most")


def test_what_a_gpu_can_do_is_valid() -> None:
    judged = with_mfu(record())
    assert judged.verdict != "invalid"
    assert [f.outcome for f in judged.findings if f.rule == "mfu"] == ["ok"]


@pytest.mark.parametrize(
    ("gpu", "printed", "says"),
    [
        (L40S, 100 / 362.05, ""),
        (L40S, 100 / 312, "a peak of 312 TFLOP/s, as torchtitan 0.3.0 does, which looks for"),
        (L40S, 100 / 121, "a peak of 121 TFLOP/s, as Lightning 2.6.6 does, which finds 'l4'"),
        ("NVIDIA H100 NVL", 100 / 1978.8, "which has twice the peak"),
        (
            "NVIDIA H100 80GB HBM3",
            100 / 312,
            "as nanoGPT (3adf61e) does, which takes an A100's peak for every GPU",
        ),
        ("AMD Instinct MI350X", 100 / 312, "torchtitan 0.3.0 does, which does not know the GPU"),
        ("NVIDIA A10G", 100 / 312, "which takes an A100's peak for a GPU that it does"),
        (A100, 100 / 624, "the peak with sparsity, 624 TFLOP/s"),
        (A100, 100 / 156, "the peak of tf32, 156 TFLOP/s"),
        (A100, 90 / 312, "only the causal half of attention"),
        (A100, 80 / 312, "leaves attention out"),
        (A100, 400 / 3 / 312, "which makes it an HFU"),
        (A100, 0.0, "it is 0, as nanochat prints"),
        (A100, -0.05, "it is below 0"),
        (A100, 100 / 443, "a peak of 443 TFLOP/s, which is none that is known"),
    ],
)
def test_the_mfu_of_the_log_is_explained(gpu: str, printed: float, says: str) -> None:
    answer = found(gpu, printed=100 * printed, printed_unit="%")
    assert answer.printed == pytest.approx(printed)
    assert says in answer.difference if says else not answer.difference


SUITE = Suite(
    title="t",
    model="m",
    window=Window(first=100, last=500),
    hardware=Hardware(accelerator="gpu", count=2, name="NVIDIA A100"),
)


def shown(*runs: RunRecord) -> tuple[list[TableRow], str]:
    """Return the rows of runs with their MFU, and their table as one line."""
    rows = make_rows(SUITE, [table_run(replace(run, mfu=mfu_of(run))) for run in runs])
    return rows, " ".join(render(SUITE, rows, "plain").split())


def test_the_table_has_it_beside_that_of_the_log_and_says_why_there_is_none() -> None:
    rows, text = shown(record(printed=0.2), record("NVIDIA A10G", implementation="vit"))
    assert [row.mfu for row in rows] == [pytest.approx(100 / 312), None]
    assert "32.1% (log: 20.0%)" in text
    assert "share of the GPU's dense peak" in text
    assert "vit 20:60 has no MFU: no dense peak of NVIDIA A10G is known" in text
    assert "MFU" not in shown(record(accelerator="cpu"))[1]
    assert "MFU" not in shown(record(flops=None))[1]


def test_a_row_has_the_mfu_of_its_mean_throughput() -> None:
    slower = record()
    assert slower.measurement is not None
    measured = replace(slower.measurement, throughput=SAMPLES_PER_S / 2)
    rows, _ = shown(record(), replace(slower, id="another", measurement=measured))
    mean = rows[0].throughput
    assert mean is not None
    assert SAMPLES_PER_S / 2 < mean < SAMPLES_PER_S
    assert rows[0].mfu == pytest.approx(100 / 312 * mean / SAMPLES_PER_S)


def test_show_says_what_it_is_by() -> None:
    run = record(L40S, printed=100 / 312)
    text = describe_run(replace(run, mfu=mfu_of(run)), "run")
    assert "MFU             27.6% of 362.05 TFLOP/s, the dense bf16 peak of NVIDIA L40S" in text
    assert "27.3% by another source: 366.43 TFLOP/s" in text
    assert "100 TFLOP/s per device: 2e+11 operations per unit" in text
    assert "the log prints 32.1%: it takes a peak of 312 TFLOP/s, as torchtitan" in text
    assert "MFU" not in describe_run(record(flops=None), "run")


def test_foreign_texts_and_figures_of_records_stay_one_line() -> None:
    run = record()
    reason = "line\n\x1b[31mred"
    forged = Mfu(value=None, reason=reason, gpu=reason, printed=1e300, difference=reason)
    (row,) = make_rows(SUITE, [table_run(replace(run, mfu=forged))])
    for form in ("plain", "markdown", "html"):
        text = render(SUITE, [row], form)
        assert "\x1b" not in text
        assert "line" in text
        assert "1e+302%" in text.replace("\\", "")
    assert "\x1b" not in describe_run(replace(run, mfu=forged), "run")


def test_a_percentage_without_its_unit_is_named() -> None:
    answer = found(printed=40.15)
    assert "more than 1; if that is percent, give the metric the unit %" in answer.difference


FORMULA = (
    "6 * (12 * layers * width ** 2 + vocabulary * width) + 12 * layers * width * sequence_length"
)


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (74.13, ""),
        (23.39, "989 TFLOP/s, as nanochat up to 2025 (issue 60) does"),
    ],
)
def test_a_real_line_of_nanochat_is_confirmed(printed: float, says: str) -> None:
    """Pull request 147: d20 on eight A100, `tok/sec: 529,882 | mfu: 74.13`; 25 before it."""
    model = stated(FORMULA, layers="20", width="1280", vocabulary="65536")
    per_unit = worked_out(model, 2048).per_unit
    run = record(A100, gpus=[{"name": A100}] * 8, printed=printed, printed_unit="%")
    assert run.plan.flops is not None
    assert run.measurement is not None
    flops = replace(run.plan.flops, per_unit=per_unit, attention_per_unit=None)
    run = replace(
        run,
        plan=replace(run.plan, gpus=8, unit="tokens", flops=flops),
        measurement=replace(run.measurement, throughput=529_882.0),
    )
    answer = mfu_of(run)
    assert answer is not None
    assert answer.value == pytest.approx(0.7413, abs=5e-5)
    assert says in answer.difference if says else not answer.difference


def stated(formula: str, **values: str) -> FlopsPerUnit:
    return FlopsPerUnit(formula=formula, values=values, source="a paper", attention="full")


def test_a_formula_is_worked_out_from_its_numbers() -> None:
    text = "6 * parameters + 12 * layers * width * sequence_length"
    flops = worked_out(stated(text, parameters="124e6", layers="12", width="768"), 1024)
    assert flops.per_unit == 6 * 124e6 + 12 * 12 * 768 * 1024
    assert flops.formula == text
    assert worked_out(stated("8.6e8"), None).per_unit == 8.6e8
    with pytest.raises(RecipeError, match="sequence_length is 1024, as workload"):
        worked_out(stated("sequence_length", sequence_length="5"), 1024)


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("__import__('os').system('id')", "is no formula"),
        ("6 * parameters", "parameters has no value; give it in values; known: layers"),
        ("layers - 12", "is 0; it must be above 0"),
        ("1 / (layers - 12)", "cannot be worked out"),
        ("9 ** 9 ** 9 ** 9", "cannot be worked out"),
        ("(0 - 8) ** 0.5", "cannot be worked out"),
        ("6 *", "is no formula"),
        ("[1]", "is no formula"),
        ("1 if layers else 2", "is no formula"),
        ("True", "is no formula"),
        ("-" * LONGEST + "1", "more than"),
        ("(" * 300 + "1" + ")" * 90, "is no formula"),
        ("1e999", "must be above 0"),
    ],
)
def test_what_is_no_formula_is_refused_in_one_line(formula: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        evaluate(formula, {"layers": 12.0}, "formula")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


BLOCK = """per_device: 4
  precision: float32
  flops_per_unit:
    formula: 6 * parameters * sequence_length
    values: {parameters: 124e6, sequence_length: 1_024}
    attention: none
    source: a paper
"""


def test_a_run_on_cpus_says_why_it_has_none_and_is_verified(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = edit(make_suite(tmp_path, git), "per_device: 4\n", BLOCK)
    done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    (run,) = records(done.stdout)
    assert run["mfu"]["reason"] == "it trained on CPUs, whose peak is not known"
    assert run["plan"]["flops"]["per_unit"] == 6 * 124e6 * 1024
    assert outcomes(run)["mfu"] == "not checked"
    told = mrbench("verify", run["id"], cwd=tmp_path)
    assert told.returncode == 0, told.stdout
    assert "none (it trained on CPUs, whose peak is not known), as recorded" in " ".join(
        told.stdout.split()
    )
    assert (
        "MFU             none: it trained on CPUs"
        in mrbench("show", run["id"], cwd=tmp_path).stdout
    )


def test_a_wrong_formula_is_named_with_its_line(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = edit(make_suite(tmp_path, git), "per_device: 4\n", BLOCK.replace("6 *", "6 * layers *"))
    done = mrbench("run", "--recipe", toy, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "toy.yaml:13: workload.flops_per_unit.formula: layers has no value" in done.stderr


def test_a_run_that_did_more_than_its_gpu_can_is_invalid(
    tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = edit(make_suite(tmp_path, git), "per_device: 4\n", BLOCK)
    edit(toy.parent / "suite.yaml", "accelerator: cpu", "accelerator: gpu")
    build(tmp_path)  # NVML of a V100, which has no TF32
    monkeypatch.setenv("STUB_GPUS", "1")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (run,) = records(done.stdout)
    assert done.returncode == 6, done.stderr
    assert run["mfu"]["gpu"] == "Tesla V100-SXM2-16GB"
    assert run["mfu"]["peak"]["tflops"] == 15.7
    assert "is more than a GPU can do" in run["validity"]["why"]
