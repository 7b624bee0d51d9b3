"""What the record keeps of telemetry: the window alone, by numbers that can be worked out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
import pytest

from mrbench.launch.telemetry import summary, wording
from mrbench.model.clocks import Disagreement
from mrbench.model.measurement import Measurement, TimedStretch
from mrbench.model.telemetry import TelemetrySummary

if TYPE_CHECKING:
    from mrbench.model.plan import Plan

BEGAN_S, ENDED_S = 110.25, 120.75  # between two samples, both


class FewFacts(NamedTuple):
    """The plan's facts that the summary asks for."""

    accelerator: str = "gpu"
    gpus: int = 2


PLAN = cast("Plan", FewFacts())
CPU = cast("Plan", FewFacts(accelerator="cpu", gpus=1))
MEASURED = Measurement(
    status="ok",
    began_s=BEGAN_S,
    ended_s=ENDED_S,
    iterations=100,
    work_per_iteration=10,
)


def header(**change: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    gpus = [{"index": i, "uuid": f"GPU-{i}", "name": "V100", "mig": None} for i in range(3)]
    known = {"format": 1, "period_s": 1.0, "host": "h", "processors": 4, "monotonic_ns": 99 * 10**9}
    known |= {"realtime_ns": 10**18, "visible": None, "gpus": gpus, "gpu_error": None, "before": []}
    return known | change


def gpu(second: int, **change: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    inside = BEGAN_S <= second <= ENDED_S
    return {
        "utilisation_percent": 90 + second % 10 if inside else 0,
        "power_w": 200.0 if inside else 50.0,
        # 100 J/s before the window, then 200
        "energy_j": 1000.0 + 100 * second + (100 * (second - 110) if second > 110 else 0),
        "slowed_bits": 0x20 if second in (115, 116) else 0x1,
    } | change


def sample(second: int, **change: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    line: dict[str, Any] = {
        "monotonic_ns": second * 10**9,
        "host": {"cpu_busy_s": 3.0 * second, "memory_used_bytes": 2 << 30},
        "tree": {"cpu_s": 2.0 * second, "processes": 5, "threads": 9, "memory_bytes": 1 << 30},
        "gpus": {f"GPU-{i}": gpu(second) for i in range(3)},
        "own_cpu_s": 0.001 * second,
    }
    if second % 5 == 0:
        line["processes"] = {f"GPU-{i}": [program(40 + i)] for i in range(3)}
    return line | change


def program(pid: int, *, own: bool = True) -> dict[str, Any]:
    return {"pid": pid, "memory_bytes": 1 << 30, "own": own, "name": "python"}


def summarize(path: Path, plan: "Plan", measured: Measurement) -> dict[str, Any]:
    """Return what record.json gets."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(summary.summarize(path, plan, measured)))
    return found


def describe(found: dict[str, Any]) -> str:
    return wording.describe(msgspec.convert(found, TelemetrySummary))


END = {"ended": "asked to", "monotonic_ns": 130 * 10**9, "tree_proportional_bytes": 1 << 29}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path)


def write(folder: Path, *lines: dict[str, Any], head: dict[str, Any] | None = None) -> Path:
    path = folder / "telemetry.jsonl"
    body = lines or (*(sample(second) for second in range(100, 130)), END)
    path.write_text("".join(json.dumps(line) + "\n" for line in (head or header(), *body)))
    return path


def test_the_window_alone_counts(file: Path) -> None:
    found = summarize(file, PLAN, MEASURED)
    assert found["problems"] == []
    assert (found["samples"], found["span_s"]) == (10, 10.5)
    assert [g["uuid"] for g in found["gpus"]] == ["GPU-0", "GPU-1"]
    one = found["gpus"][0]
    assert one["utilisation_percent"] == pytest.approx(
        {"mean": 94.5, "p5": 90.45, "p95": 98.55, "max": 99}
    )
    assert one["power_w"]["mean"] == 200
    assert one["slowed_share"] == {"heat": 0.2}
    # from 110.25 on the counter rises by 200 J/s
    assert (one["energy_j"], one["energy_by"]) == (pytest.approx(2100), "counter")
    assert found["joules_per_unit"] == pytest.approx(2 * 2100 / 1000)
    assert one["temperature_c"] is None
    assert one["pcie_sent_bytes_per_s"] is None
    assert found["tree"]["cpu_cores"] == pytest.approx({"mean": 2, "p5": 2, "p95": 2, "max": 2})
    assert found["host"]["cpu_others_cores"] == pytest.approx(3 - 2 - 0.001)
    assert found["host"]["disk_read_bytes_per_s"] is None
    assert found["own"] == {"cpu_cores": pytest.approx(0.001), "memory_bytes": None}
    assert (found["gpus_in_use"], found["foreign"]) == (2, [])
    assert found["bound_by"] == "gpu"
    why = "GPUs computed for 94 % of the time, the idlest for 94 %"
    assert found["bound_by_reason"] == f"{why}; the log does not tell the wait for data"
    shown = describe(found)
    assert "GPU 1 GPU-1: 94 (90-99) % busy, 200 W, unknown GiB" in shown
    assert "4.2 J per image; other programs on its GPUs: none" in shown


def test_what_others_and_the_hypervisor_took_is_neither_training_nor_mrbench(
    tmp_path: Path,
) -> None:
    def busy(second: int, **host: float) -> dict[str, Any]:
        counted = {"cpu_busy_s": 9.0 * second, "cpu_stolen_s": 0.25 * second} | host
        return sample(second, host=counted, mrbench_cpu_s=0.009 * second)

    lines = [busy(s) for s in range(100, 130)]
    load = summarize(write(tmp_path, *lines, END), CPU, MEASURED)["host"]["cpu_load"]
    expected = {"usable_cores": 4, "training_cores": 2, "others_cores": 6.99, "stolen_cores": 0.25}
    assert load == pytest.approx(expected)
    # where the training may use two processors only, what happens on the others is none of its own
    lines = [busy(s, usable_busy_s=2.5 * s, usable_stolen_s=0.0) for s in range(100, 130)]
    file = write(tmp_path, *lines, END, head=header(cpus=[2, 3]))
    load = summarize(file, CPU, MEASURED)["host"]["cpu_load"]
    expected |= {"usable_cores": 2, "others_cores": 0.49, "stolen_cores": 0}
    assert load == pytest.approx(expected)


def limited(second: int, **values: float) -> dict[str, Any]:
    """Return a sample: throttled in 3 of 10 periods, 0.2 s of memory stalls and 0.4 s of heat."""
    told = {"periods": 10 * second, "throttled": 3 * second, "memory_stalled_s": 0.2 * second}
    told |= {"heat_s": 0.4 * second, "group_cpu_s": 2.5 * second} | values
    if second % 5 == 0:
        told["cpu_mhz"] = 1500
    busy = {"cpu_busy_s": 2.75 * second, "cpu_stolen_s": 0.0}
    return sample(second, host=busy, limits=told, mrbench_cpu_s=0.0)


def test_what_limited_the_processors(tmp_path: Path) -> None:
    head = header(quota_cores=2.5, group_holds_us=True, cpu_max_mhz=3000)
    file = write(tmp_path, *(limited(s) for s in range(100, 130)), END, head=head)
    host = summarize(file, CPU, MEASURED)["host"]
    assert host["cpu_limits"] == pytest.approx(
        {
            "quota_cores": 2.5,
            "throttled_share": 0.3,
            "memory_stalled_share": 0.2,
            "heat_share": 0.4,
            "clock_share": 0.5,
        }
    )
    # of four cores 0.75 are busy with others, which leaves the quota of 2.5; within the group 0.5
    assert host["cpu_load"]["usable_cores"] == 2.5
    assert host["cpu_load"]["others_cores"] == pytest.approx(0.5 - 0.001)
    untold = [sample(s, limits={"memory_stalled_s": 0.0}) for s in range(100, 130)]
    host = summarize(write(tmp_path, *untold, END), CPU, MEASURED)["host"]
    assert host["cpu_limits"]["throttled_share"] is None
    assert host["cpu_limits"]["heat_share"] is None
    assert host["cpu_limits"]["memory_stalled_share"] == 0


@pytest.mark.parametrize(
    "change", [{"mrbench_cpu_s": None}, {"own_cpu_s": None}, {"host": {"cpu_busy_s": None}}]
)
def test_without_a_counter_the_load_is_unknown(tmp_path: Path, change: dict[str, Any]) -> None:
    """Telemetry of older versions has no processor time of mrbench."""
    lines = [sample(s, mrbench_cpu_s=0.0) | change for s in range(100, 130)]
    assert summarize(write(tmp_path, *lines, END), CPU, MEASURED)["host"]["cpu_load"] is None
    lines = [sample(s, mrbench_cpu_s=0.0) for s in (109, 113)]  # none in the window
    measured = msgspec.structs.replace(MEASURED, began_s=110.1, ended_s=110.6)
    assert summarize(write(tmp_path, *lines, END), CPU, measured)["host"]["cpu_load"] is None


def test_energy_by_power_where_no_counter_is(tmp_path: Path) -> None:
    lines = [
        sample(s, gpus={"GPU-0": {"power_w": 100.0 + 10 * (s - 100)}}) for s in range(100, 130)
    ]
    one = summarize(write(tmp_path, *lines, END), PLAN, MEASURED)["gpus"][0]
    assert one["energy_by"] == "power"
    assert one["energy_j"] == pytest.approx(10.5 * (100 + 10 * 15.5))


def test_energy_and_utilisation_are_those_of_what_the_number_covers(tmp_path: Path) -> None:
    """A GPU that draws 300 W, and 100 W while an evaluation runs that the number leaves out."""

    def gpu_at(second: int) -> dict[str, Any]:
        rests = 113 < second <= 117
        energy_j = 300.0 * second - 200 * min(4, max(0, second - 113))
        power_w = 100.0 if rests else 300.0
        return gpu(
            second, power_w=power_w, energy_j=energy_j, utilisation_percent=5 if rests else 95
        )

    timed = tuple(
        TimedStretch(began_s=began_s, ended_s=ended_s, iterations=45)
        for began_s, ended_s in ((BEGAN_S, 113), (117, ENDED_S))
    )
    measured = msgspec.structs.replace(MEASURED, timed=timed)
    lines = [sample(s, gpus={"GPU-0": gpu_at(s)}) for s in range(100, 130)]
    plan = cast("Plan", FewFacts(gpus=1))
    found = summarize(write(tmp_path, *lines, END), plan, measured)
    (one,) = found["gpus"]
    assert one["energy_j"] == pytest.approx(300 * 6.5)
    assert found["joules_per_unit"] == pytest.approx(300 * 6.5 / 900)
    assert found["span_s"] == 10.5
    assert one["utilisation_percent"]["mean"] == pytest.approx(95, abs=20)
    whole = summarize(tmp_path / "telemetry.jsonl", plan, MEASURED)
    assert whole["joules_per_unit"] == pytest.approx((300 * 10.5 - 800) / 1000)
    assert found["bound_by"] == "unknown"


def test_mean_power_is_weighted_by_time(tmp_path: Path) -> None:
    """Samples that come late stand for longer."""
    seconds = [s for s in range(100, 130) if not 111 < s < 116]
    lines = [
        sample(s, gpus={"GPU-0": gpu(s, energy_j=None, power_w=100.0 if s < 116 else 300.0)})
        for s in seconds
    ]
    plan = cast("Plan", FewFacts(gpus=1))
    (one,) = summarize(write(tmp_path, *lines, END), plan, MEASURED)["gpus"]
    # 100 W for 0.75 s, then a straight line to 300 W for 5 s, and 300 W for 4.75 s
    assert one["power_w"]["mean"] == pytest.approx((0.75 * 100 + 5 * 200 + 4.75 * 300) / 10.5)


def test_a_lost_gpu_has_no_energy(tmp_path: Path) -> None:
    lost = {"problem": "GPU 1 (GPU-1): GPU is lost", "monotonic_ns": 115 * 10**9}
    lines = [sample(s) for s in range(100, 130)]
    for line in lines[15:]:
        del line["gpus"]["GPU-1"]
    found = summarize(write(tmp_path, *lines[:15], lost, *lines[15:], END), PLAN, MEASURED)
    assert found["gpus"][1]["energy_j"] is None
    assert found["gpus"][0]["energy_j"] == pytest.approx(2100)
    assert found["joules_per_unit"] is None
    assert found["problems"] == ["GPU 1 (GPU-1): GPU is lost"]
    assert "unknown J per image" in describe(found)


@pytest.mark.parametrize(
    ("visible", "uuids", "problem"),
    [
        ("2,0", ["GPU-2", "GPU-0"], None),
        ("GPU-1,GPU-2", ["GPU-1", "GPU-2"], None),
        ("2", ["GPU-2"], "of 2 GPUs NVML tells of 1 (CUDA_VISIBLE_DEVICES=2)"),
        ("MIG-7", [], "of 2 GPUs NVML tells of 0 (CUDA_VISIBLE_DEVICES=MIG-7)"),
    ],
)
def test_gpus_are_those_that_cuda_gives(
    tmp_path: Path, visible: str, uuids: list[str], problem: str | None
) -> None:
    lines = (*(sample(s) for s in range(100, 130)), END)
    found = summarize(write(tmp_path, *lines, head=header(visible=visible)), PLAN, MEASURED)
    assert [g["uuid"] for g in found["gpus"]] == uuids
    assert found["problems"] == ([problem] if problem else [])


def test_foreign_programs(tmp_path: Path) -> None:
    lines = [sample(s) for s in range(100, 130)]
    lines[15]["processes"]["GPU-1"].append(program(9, own=False))
    lines[25]["processes"]["GPU-1"].append(program(8, own=False))  # behind the window
    found = summarize(write(tmp_path, *lines, END), PLAN, MEASURED)
    assert found["foreign"] == ["GPU 1: python (pid 9)"]
    # where process ids are another namespace's, only those from before the launch are foreign
    for line in lines:
        for programs in line.get("processes", {}).values():
            for one in programs:
                one |= {"own": False, "name": None}
    found = summarize(write(tmp_path, *lines, END, head=header(before=[9])), PLAN, MEASURED)
    assert found["gpus_in_use"] is None
    assert found["foreign"] == ["GPU 1: a program (pid 9)"]
    found = summarize(write(tmp_path, *lines, END, head=header(before=None)), PLAN, MEASURED)
    assert found["foreign"] is None


def test_a_program_that_was_killed_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, *(sample(s) for s in range(100, 116)))
    with path.open("a") as out:
        out.write('{"monotonic_ns":1160')  # it was just writing
    found = summarize(path, PLAN, MEASURED)
    assert found["problems"] == [
        "telemetry ended 5.8 s before the window did",
        "the telemetry program was killed",
    ]
    assert found["joules_per_unit"] is None
    assert found["samples"] == 5


def test_a_program_that_was_late_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, *(sample(s) for s in range(114, 130)), END)
    found = summarize(path, PLAN, MEASURED)
    assert found["problems"] == ["telemetry began 3.8 s after the window did"]
    assert found["gpus"][0]["energy_j"] is None


def test_other_machines_have_other_clocks(tmp_path: Path) -> None:
    head = header(realtime_ns=10**18, monotonic_ns=100 * 10**9)
    here = write(tmp_path, *(sample(s) for s in range(100, 130)), END, head=head)
    (tmp_path / "there").mkdir()
    # booted 5000 s earlier; the same second is 5000 s later by its clock
    ours = [sample(s) for s in range(100, 130)]
    ours[16]["processes"] = {"GPU-0": [program(9, own=False), program(7)]}
    lines = [line | {"monotonic_ns": line["monotonic_ns"] + 5000 * 10**9} for line in ours]
    gpus = [{"index": 0, "uuid": "GPU-0", "name": "V100", "mig": None}]
    head = head | {"monotonic_ns": 5100 * 10**9, "host": "other", "gpus": gpus}
    there = write(tmp_path / "there", *lines, head=head)
    there.rename(tmp_path / "telemetry.other.jsonl")
    plan = cast("Plan", FewFacts(gpus=4))
    found = summarize(here, plan, MEASURED)
    assert [(g["host"], g["index"]) for g in found["gpus"]] == [
        *(("h", index) for index in range(3)),
        ("other", 0),
    ]
    assert found["gpus"][3]["energy_j"] == pytest.approx(2100)
    assert found["joules_per_unit"] == pytest.approx(4 * 2100 / 1000)
    assert (found["gpus_in_use"], found["foreign"]) == (4, ["other: GPU 0: python (pid 9)"])
    assert found["other_nodes"][0]["tree"]["cpu_cores"]["mean"] == pytest.approx(2)
    assert found["problems"] == ["other: the telemetry program was killed"]
    assert "GPU other/0 GPU-0: 94" in describe(found)
    assert "host other: " in describe(found)
    (tmp_path / "telemetry.third.jsonl").write_text("")
    assert "has no header" in summarize(here, plan, MEASURED)["problems"][1]


def test_holes_are_told(tmp_path: Path) -> None:
    lines = [sample(s) for s in range(100, 130) if not 112 < s < 117]
    found = summarize(write(tmp_path, *lines, END), PLAN, MEASURED)
    assert found["problems"] == ["for 5.0 s of the window there is no sample"]
    assert found["gpus"][0]["energy_j"] == pytest.approx(2100), "a counter has no holes"


@pytest.mark.parametrize(("silent", "hole_s"), [(range(109, 115), 4.8), (range(116, 123), 5.8)])
def test_holes_at_an_edge_of_the_window_are_told(
    tmp_path: Path, silent: range, hole_s: float
) -> None:
    lines = [sample(s) for s in range(100, 130) if s not in silent]
    found = summarize(write(tmp_path, *lines, END), PLAN, MEASURED)
    assert found["problems"] == [f"for {hole_s} s of the window there is no sample"]


def test_a_short_window_takes_the_nearest_sample(file: Path) -> None:
    short = msgspec.structs.replace(MEASURED, began_s=115.1, ended_s=115.2)
    found = summarize(file, PLAN, short)
    assert found["problems"] == ["no sample fell into the window of 0.10 s; the nearest counts"]
    assert found["gpus"][0]["utilisation_percent"]["mean"] == 95
    assert found["gpus"][0]["energy_j"] == pytest.approx(20)


def test_buffered_output_is_told(file: Path) -> None:
    known = Disagreement(
        cause="buffered_output",
        clock="arrival",
        first=1,
        last=2,
        seconds=1.0,
        began_at=0,
        ended_at=1,
        text="",
    )
    found = summarize(file, PLAN, msgspec.structs.replace(MEASURED, disagreement=known))
    assert found["problems"] == ["the output came in bursts: when the window was is known roughly"]


def test_what_bounds_it(file: Path, tmp_path: Path) -> None:
    waited = msgspec.structs.replace(MEASURED, data_share=0.12)
    for plan in (PLAN, CPU):
        found = summarize(file, plan, waited)
        assert found["bound_by"] == "data-loading"
        assert found["bound_by_reason"] == "12.0% of the window was spent on waiting for data"
    idle = [
        sample(s, gpus={f"GPU-{i}": gpu(s, utilisation_percent=60) for i in range(2)})
        for s in range(100, 130)
    ]
    little = msgspec.structs.replace(MEASURED, data_share=0.01)
    found = summarize(write(tmp_path, *idle, END), PLAN, little)
    assert found["bound_by"] == "unknown"
    assert "60 %" in found["bound_by_reason"]
    mig = [
        sample(s, gpus={f"GPU-{i}": {"power_w": 1.0} for i in range(2)}) for s in range(100, 130)
    ]
    found = summarize(write(tmp_path, *mig, END), PLAN, little)
    assert (found["bound_by"], found["bound_by_reason"]) == (
        "unknown",
        "the utilisation of 2 GPUs is not known",
    )
    assert summarize(file, CPU, little)["bound_by"] == "unknown"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no telemetry"),
        ("", "the telemetry program ended before it began"),
        ("[1, 2]\n", "telemetry.jsonl:1: expected keys and values, got a list"),
        ('{"format":1,"monotonic_ns":1}\n', "telemetry.jsonl:1: period_s: missing"),
        ('{"format":2,"monotonic_ns":1}\n', "newer mrbench (telemetry format 2;"),
        (f'{json.dumps(header())}\n{{"monotonic_ns":111000000000}}\n', "jsonl:2: host: missing"),
        (f"{json.dumps(header())}\n{json.dumps(sample(111, own_cpu_s='x'))}\n", "2: own_cpu_s: "),
    ],
)
def test_nothing_to_summarize(tmp_path: Path, text: str | None, problem: str) -> None:
    path = tmp_path / "telemetry.jsonl"
    if text is not None:
        path.write_text(text)
    found = summarize(path, PLAN, MEASURED)
    assert found["samples"] == 0
    assert problem in found["problems"][0]
    assert problem in describe(found)


def test_a_run_without_a_number_has_no_summary(file: Path) -> None:
    failed = Measurement(status="stalled", reason="x")
    assert summarize(file, PLAN, failed)["samples"] == 0


def test_no_nvml_is_told_to_those_who_need_it(tmp_path: Path) -> None:
    lines = [sample(s, gpus={}) for s in range(100, 130)]
    path = write(tmp_path, *lines, END, head=header(gpus=[], gpu_error="NVML: no driver"))
    assert summarize(path, PLAN, MEASURED)["problems"] == ["NVML: no driver"]
    assert summarize(path, CPU, MEASURED)["problems"] == []
