"""The demo through all executors in turns: images per second, and their ratio to the local ones.

    python tests/bench/executors.py [ROUNDS]

It starts a Docker engine and a Slurm cluster of its own, as the tests do, and stops them again.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # engine and cluster are the tests'
import cluster as clusters
from engine import BASE, import_base, running_engine
from needs import lacking
from toy import records

WINDOW = "100:500"
Options = dict[str, list[str]]


def main() -> None:
    """Run the rounds, and print each number and the ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rates: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        executors = _start(stack, folder)
        for number in range(rounds + 1):
            for name, options in executors.items():
                record = _run(name, options, folder)
                rate = record["measurement"]["throughput"]
                if number:  # the round before the first makes environments and images
                    rates.setdefault(name, []).append(rate)
                    print(f"round {number}, {name}: {rate:.2f} img/s", flush=True)
    for name, found in rates.items():
        ratios = [one / local for one, local in zip(found, rates["local"], strict=True)]
        print(
            f"{name:8} median {statistics.median(found):.1f} img/s ({min(found):.1f} to"
            f" {max(found):.1f}), by local of the same round {statistics.median(ratios):.3f}"
        )


def _start(stack: contextlib.ExitStack, folder: Path) -> Options:
    executors: Options = {"local": []}
    told = lacking("docker")
    if told:
        print(f"docker is left out: {told}")
    else:
        os.environ["DOCKER_HOST"] = stack.enter_context(running_engine())
        import_base(os.environ["DOCKER_HOST"])
        executors["docker"] = ["--base-image", BASE]
    told = lacking("slurm")
    if told:
        print(f"slurm is left out: {told}")
    else:
        (folder / "slurm").mkdir()
        started = stack.enter_context(clusters.running(clusters.Cluster(folder / "slurm")))
        os.environ["SLURM_CONF"] = str(started.configuration)
        executors["slurm"] = []
    return executors


def _run(name: str, options: list[str], folder: Path) -> dict[str, Any]:
    words = ["run", "--suite", "demo", "--window", WINDOW, "--json", "--quiet"]
    command = [sys.executable, "-m", "mrbench", *words, "--executor", name, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    return records(done.stdout)[0]


if __name__ == "__main__":
    main()
