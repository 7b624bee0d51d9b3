"""The batch script of a job, rendered as text by pure functions."""

import math
import re
import shlex
from collections.abc import Iterator

from msgspec import Struct

from mrbench.errors import RecipeError
from mrbench.model.options import ExecutorOptions

MARGIN_S = 120  # Slurm counts in minutes and looks twice a minute; mrbench's limit must come first
_TIME = re.compile(r"\d+(-\d+(:\d+){0,2})?|\d+(:\d+){1,2}")


class Order(Struct, frozen=True, kw_only=True):
    """All that decides a job's script. nodes: how many; gpus_per_node: 0 asks for none."""

    name: str
    comment: str
    output: str
    command: tuple[str, ...]
    nodes: int
    gpus_per_node: int
    wall_clock_limit_s: float
    options: ExecutorOptions = ExecutorOptions()


def render(order: Order) -> str:
    """Return the script."""
    lines = "\n".join(f"#SBATCH {line}" for line in _directives(order))
    return f"""\
#!/bin/bash
# {order.comment}
{lines}

echo "on $SLURM_JOB_NODELIST, job $SLURM_JOB_ID"
program={shlex.quote(order.command[0])}
if ! [ -x "$program" ]; then
  echo "$program is not on $(hostname); keep mrbench where all nodes see it" >&2
  exit 4
fi
exec "$program" {shlex.join(order.command[1:])}
"""


def _directives(order: Order) -> Iterator[str]:
    yield f"--job-name={order.name}"
    yield f"--nodes={order.nodes}"
    yield "--ntasks-per-node=1"
    if order.gpus_per_node:
        yield f"--gres=gpu:{order.gpus_per_node}"
    if not order.options.no_exclusive:
        yield "--exclusive"  # nobody else on the nodes
        yield "--mem=0"  # all that they have
    yield "--no-requeue"  # a run that began twice would be measured once
    yield f"--time={order.options.time or _minutes(order.wall_clock_limit_s)}"
    for option in ("partition", "account", "constraint", "qos", "reservation", "nodelist"):
        value = getattr(order.options, option)
        if value is not None:
            yield f"--{option}={_quoted(option, value)}"
    # in a path, % would begin one of Slurm's own placeholders
    yield f"--output={_quoted('runs', order.output.replace('%', '%%'))}"
    yield "--open-mode=truncate"


def check_time(text: str) -> None:
    """Refuse what Slurm does not read as a time limit."""
    if not _TIME.fullmatch(text):
        remedy = "give minutes, [hours:]minutes:seconds or days-hours, as 90 or 1:30:00"
        raise RecipeError(f"--time {text!r} is not a time limit", remedy)


def _minutes(limit_s: float) -> int:
    return math.ceil((limit_s + MARGIN_S) / 60)


def _quoted(option: str, value: str) -> str:
    """Quote a value as sbatch reads its own lines."""
    if not value.isprintable() or '"' in value or "\\" in value:
        raise RecipeError(f"--{option} {value!r}: Slurm takes no such character", "rename it")
    return f'"{value}"' if re.search(r"[^\w./%@:+=,&|*()-]", value) else value
