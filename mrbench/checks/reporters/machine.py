"""For programs: one JSON object."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from mrbench import __version__
from mrbench.checks.reporters.base import CODES, exit_code, outcome
from mrbench.model.finding import Checked

FORMAT = 1


def write(checks: Sequence[Checked], out: TextIO) -> None:
    """Print counts, the outcome of all together, and every check."""
    counts = Counter(check.outcome for check in checks)
    whole = {
        "format": FORMAT,
        "mrbench": __version__,
        "outcome": outcome(checks),
        "exit_code": exit_code(checks),
        "counts": {name: counts[name] for name in CODES},
        "checks": [_plain(check) for check in checks],
    }
    out.write(json.dumps(whole, indent=1, allow_nan=False) + "\n")


def _plain(check: Checked) -> dict[str, Any]:
    # JSON has no NaN
    figures = {k: v if math.isfinite(v) else None for k, v in check.figures.items()}
    return {**asdict(check), "figures": figures}
