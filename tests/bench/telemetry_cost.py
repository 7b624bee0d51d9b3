"""What telemetry costs: its own processor time and memory, and what a CPU training loses by it.

Processor time and memory with eight GPUs (of the tests' stub) and a tree of 40 processes; then
pairs of the same training, bare and under `mrbench run`, in turns; by the same words, variables and
folder, so that nothing but mrbench differs; and, within each training under mrbench, its speed
beside that with all of mrbench stopped. On a machine that others use the wall clock tells little;
what then counts is the processor time that the training takes, and that all of mrbench takes
meanwhile.
"""

import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import run_overhead

from mrbench.launch.telemetry import beside

CPU_LIMIT, MEMORY_LIMIT_MB, LOSS_LIMIT = 0.002, 40.0, 0.003
SECONDS = 60.0
PAIRS = 40  # short ones: a training differs from the next more than within itself
FEWEST_PAIRS = 10
STUB = Path(__file__).parents[1] / "nvml_stub.c"
TREE = """
import os, threading, time
for _ in range(40):
    if os.fork() == 0:
        break
for _ in range(3):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
time.sleep(1000)
"""
TRAIN = Path(__file__).with_name("matrices.py")


class How(NamedTuple):
    """How a command is started; no variables: with this process's own."""

    argv: list[str]
    folder: Path
    variables: dict[str, str]


def main() -> None:
    """Print both costs, each with its limit."""
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else PAIRS
    if pairs < FEWEST_PAIRS:
        raise SystemExit(f"{pairs} pairs tell no 95 % interval; give at least {FEWEST_PAIRS}")
    _own_cost(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
    _loss(pairs)


def _own_cost(seconds: float) -> None:
    if not shutil.which("gcc"):
        raise SystemExit("gcc is not on PATH; it builds the stub of NVML")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/libnvidia-ml.so.1"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, str(STUB)], check=True)
        tree = subprocess.Popen([sys.executable, "-I", "-S", "-c", TREE], start_new_session=True)
        try:
            time.sleep(1.0)
            file = f"{folder}/telemetry.jsonl"
            program = subprocess.Popen(
                beside.command(Path(file), tree.pid, "--gpus"),
                stdin=subprocess.PIPE,
                env={**os.environ, "LD_LIBRARY_PATH": folder, "STUB_GPUS": "8", "STUB_LOAD": "90"},
            )
            time.sleep(seconds)
            program.communicate()
        finally:
            os.killpg(tree.pid, signal.SIGKILL)
            tree.wait()
        lines = [json.loads(line) for line in Path(file).read_text().splitlines()]
    samples = [line for line in lines if "own_cpu_s" in line]
    steady = samples[-1]["own_cpu_s"] - samples[1]["own_cpu_s"]
    took_s = (samples[-1]["monotonic_ns"] - samples[1]["monotonic_ns"]) / 1e9
    start_ms = samples[0]["own_cpu_s"] * 1000
    print(
        f"{len(samples[0]['gpus'])} GPUs, {samples[-1]['tree']['processes']} processes, 1 Hz,"
        f" {took_s:.0f} s: {steady / took_s:.3%} of a core (limit {CPU_LIMIT:.1%}),"
        f" after {start_ms:.0f} ms for its start and first sample,"
        f" {lines[-1]['own_memory_bytes'] / 1e6:.1f} MB (limit {MEMORY_LIMIT_MB:.0f} MB)",
        flush=True,
    )


def _loss(pairs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = run_overhead.make(
            folder, TRAIN.read_text(), window="{first: 100, last: 180}", every=20
        )
        os.environ |= {"MRBENCH_HOME": str(folder / "home"), "MRBENCH_LOCKS": name}
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.environ["BENCH_TRUTH"] = str(folder / "truth")
        mrbench = str(Path(sys.executable).parent / "mrbench")
        passed = ["--pass-variable", "BENCH_TRUTH", "--pass-variable", "OPENBLAS_NUM_THREADS"]
        watched = How([mrbench, "run", "--quiet", *passed, "--recipe", str(recipe)], folder, {})
        how = _train(watched)["how"]  # makes what later runs find made
        bare = How(how["argv"], Path(how["folder"]), how["variables"])
        bare.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(TRAIN, bare.folder / "train.py")
        marker = Path(os.environ["BENCH_TRUTH"]).with_suffix(".watched")
        alone, under = [], []
        print(f"{pairs} pairs of trainings, each of 8 s or so", flush=True)
        for pair in range(pairs):
            for turn in (pair, pair + 1):
                if turn % 2:
                    alone.append(_train(bare))
                else:
                    marker.touch()
                    under.append(_train(watched))
                    marker.unlink()
        shutil.rmtree(bare.folder)
    shares = [told["window"][2] / told["window"][0] for told in under]
    print(
        f"mrbench, shim and telemetry together, in the window: {statistics.fmean(shares):.3%} of a"
        f" core; a training on all cores loses it divided by their number (limit {LOSS_LIMIT:.1%})"
    )
    for i, clock in enumerate(("wall clock", "its processor time")):
        pairs_s = [(a["window"][i], u["window"][i]) for a, u in zip(alone, under, strict=True)]
        _print_share(f"throughput under mrbench run, of bare, by {clock}", pairs_s)
        turns_s = [(told["SIGSTOP"][i], told["SIGCONT"][i]) for told in under]
        _print_share(f"the same, of that with mrbench stopped, by {clock}", turns_s)


def _print_share(what: str, pairs_s: list[tuple[float, float]]) -> None:
    """Print the median of the pairs' ratios: what a neighbour on the host does hits single ones."""
    logs = sorted(math.log(without / beside) for without, beside in pairs_s)
    walsh = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    n = len(logs)
    # Hodges and Lehmann 1963; the interval is the inverse of Wilcoxon's signed-rank test.
    rank = max(0, round(n * (n + 1) / 4 - 1.96 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    low, middle, high = walsh[rank], statistics.median(walsh), walsh[-1 - rank]
    print(
        f"{what}: {math.exp(middle):.2%} (95 % interval {math.exp(low):.2%} to"
        f" {math.exp(high):.2%}, {n} pairs; limit {1 - LOSS_LIMIT:.1%})",
        flush=True,
    )


def _train(how: How) -> dict[str, Any]:
    """Run one training; return what matrices.py tells."""
    truth = Path(os.environ["BENCH_TRUTH"])
    truth.unlink(missing_ok=True)
    variables = how.variables or None
    subprocess.run(how.argv, cwd=how.folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    told: dict[str, Any] = json.loads(truth.read_text())
    return told


if __name__ == "__main__":
    main()
