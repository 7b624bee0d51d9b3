"""`mrbench results build` over many signed archives: from nothing, once more, and with one more.

    python tests/bench/results_build.py 2000

The archives are those of tests/archives.py, each with a log, record and signature of its own: eight
commits on three kinds of CPU, by two signers. Beside the seconds of each build stand those of the
processors, and what they are by those that `verify` of one archive takes.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # archives is the tests'
from archives import make, make_key
from mrbench.prepare.data.workers import cores, parallel_map
from mrbench.record.archive import opened
from mrbench.record.signature import sign
from mrbench.record.verify import verify
from mrbench.results.repository.layout import LEFT_OUT

MRBENCH = str(Path(sys.executable).parent / "mrbench")
COMMITS, CPUS, SIGNERS, LIMIT_S = 8, 3, ("alice", "bob"), 60.0


def _one(order: tuple[Path, int]) -> Path:
    """Make and sign one archive; its throughput is that of its commit, but for 1 % of noise."""
    folder, number = order
    kind, noise = number % COMMITS, random.Random(number)
    archive = make(
        folder / "results",
        number,
        pace=noise.gauss(1 - kind / 50, 0.01),
        commit=f"{kind + 1:x}" * 40,
        cpu=f"CPU {number // COMMITS % CPUS}",
        masked=False,
    )
    sign(archive, folder / SIGNERS[number // 50 % 2])
    return archive


def _build(folder: Path) -> tuple[float, float]:
    """Return the seconds of a build, and those of the processors."""
    began, before = time.monotonic(), os.times()
    words = [MRBENCH, "results", "build", str(folder / "results"), "-o", str(folder / "site")]
    subprocess.run(words, check=True, env=os.environ | {"MRBENCH_HOME": str(folder / "home")})
    after = os.times()
    used = after.children_user + after.children_system
    return time.monotonic() - began, used - before.children_user - before.children_system


def main() -> None:
    """Make the archives, and print what each build takes."""
    count = int(sys.argv[1]) if sys.argv[1:] else 200
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        keys = {name: make_key(folder / name) for name in SIGNERS}
        orders = [(folder, number) for number in range(count)]
        archives = list(parallel_map(_one, orders, processes=cores(), at_a_time=8))
        known = (f"{name} {key.read_text()}" for name, key in keys.items())
        (folder / "results" / "allowed_signers").write_text("".join(known))
        began = time.process_time()
        for archive in archives[:20]:
            with opened(str(archive), folder) as run:
                verify(run, LEFT_OUT)
        one_s = (time.process_time() - began) / len(archives[:20])
        print(f"{count} archives, {cores()} cores; verify of one: {1000 * one_s:.1f} ms")
        text = "{}: {:.1f} s, of processors {:.1f} s, verify of {:.0f}"
        for name in ("from nothing", "again", "with one archive more"):
            if name.startswith("with"):
                _one((folder, count))
            took_s, used_s = _build(folder)
            print(text.format(name, took_s, used_s, used_s / one_s))
            if name == "from nothing" and count == 2000:
                print(f"limit {LIMIT_S:.0f} s: {'met' if took_s <= LIMIT_S else 'MISSED'}")
        size_bytes = (folder / "site" / "index.html").stat().st_size
        print(f"index.html: {size_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
