"""Times whole commands with hyperfine, side by side in one run."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def time_commands(commands: Mapping[str, Sequence[str]], runs: int, cwd: Path) -> dict[str, float]:
    """Return the median seconds of each command; hyperfine must be installed."""
    if shutil.which("hyperfine") is None:
        raise SystemExit("hyperfine is not on PATH; on Debian: apt-get install hyperfine")
    # an installation has its bytecode compiled; without it, compiling is what would be timed
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        words = ["hyperfine", "-N", "--style", "none", "--warmup", "2", "--runs", str(runs)]
        lines = [shlex.join(command) for command in commands.values()]
        subprocess.run([*words, "--export-json", out.name, *lines], cwd=cwd, check=True)
        results = json.loads(Path(out.name).read_bytes())["results"]
    return {name: float(r["median"]) for name, r in zip(commands, results, strict=True)}
