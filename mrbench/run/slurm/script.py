"""The batch script of a job, rendered as text by pure functions."""

import math
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from mrbench import __version__
from mrbench.errors import RecipeError
from mrbench.model.options import ExecutorOptions
from mrbench.model.plan import Plan
from mrbench.record.rundir import RunDir

MARGIN_S = 120  # Slurm counts in minutes and looks twice a minute; mrbench's limit must come first
_TIME = re.compile(r"\d+(-\d+(:\d+){0,2})?|\d+(:\d+){1,2}")


def render(plan: Plan, options: ExecutorOptions, folder: Path, name: str) -> str:
    """Return the script of a run in that folder; RecipeError for an odd option."""
    lines = "\n".join(f"#SBATCH {line}" for line in _directives(plan, options, folder, name))
    return f"""\
#!/bin/bash
# {plan.suite}/{plan.implementation}, by mrbench {__version__}
{lines}

echo "on $SLURM_JOB_NODELIST, job $SLURM_JOB_ID"
program={shlex.quote(sys.executable)}
if ! [ -x "$program" ]; then
  echo "$program is not on $(hostname); keep mrbench where all nodes see it" >&2
  exit 4
fi
exec "$program" -m mrbench.run.slurm.node {shlex.quote(str(folder))}
"""


def _directives(plan: Plan, options: ExecutorOptions, folder: Path, name: str) -> Iterator[str]:
    yield f"--job-name={name}"
    yield f"--nodes={plan.nodes}"
    yield "--ntasks-per-node=1"
    if plan.accelerator == "gpu":
        yield f"--gres=gpu:{plan.gpus // plan.nodes}"
    if not options.no_exclusive:
        yield "--exclusive"  # nobody else on the nodes
        yield "--mem=0"  # all that they have
    yield "--no-requeue"  # a run that began twice would be measured once
    if options.time is not None and not _TIME.fullmatch(options.time):
        remedy = "give minutes, [hours:]minutes:seconds or days-hours, as 90 or 1:30:00"
        raise RecipeError(f"--time {options.time!r} is not a time limit", remedy)
    yield f"--time={options.time or math.ceil((plan.wall_clock_limit_s + MARGIN_S) / 60)}"
    for option in ("partition", "account", "constraint", "qos", "reservation", "nodelist"):
        value = getattr(options, option)
        if value is not None:
            yield f"--{option}={_quoted(option, value)}"
    # in a path, % would begin one of Slurm's own placeholders
    yield f"--output={_quoted('runs', str(RunDir(folder).output).replace('%', '%%'))}"
    yield "--open-mode=truncate"


def _quoted(option: str, value: str) -> str:
    """Quote a value as sbatch reads its own lines."""
    if not value.isprintable() or '"' in value or "\\" in value:
        raise RecipeError(f"--{option} {value!r}: Slurm takes no such character", "rename it")
    return f'"{value}"' if re.search(r"[^\w./%@:+=,&|*()-]", value) else value
