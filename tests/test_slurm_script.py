"""The batch script as text, what is refused before it, and what Slurm's words mean."""

from pathlib import Path

import pytest

from mrbench.errors import RecipeError
from mrbench.model.options import ExecutorOptions
from mrbench.run.slurm import states
from mrbench.run.slurm.script import Order, check_time, render

WHOLE = """\
#!/bin/bash
# 2019/detectron2, by mrbench 1
#SBATCH --job-name=mrbench-detectron2-12345678
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:8
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --no-requeue
#SBATCH --time=122
#SBATCH --partition=gpu
#SBATCH --account=team/a
#SBATCH --constraint=v100&nvlink
#SBATCH --output="/runs/my runs/100%%/slurm.out"
#SBATCH --open-mode=truncate

echo "on $SLURM_JOB_NODELIST, job $SLURM_JOB_ID"
program='/opt/my venv/bin/python'
if ! [ -x "$program" ]; then
  echo "$program is not on $(hostname); keep mrbench where all nodes see it" >&2
  exit 4
fi
exec "$program" -m mrbench.run.slurm.node '/runs/my runs/100%'
"""


DEFAULT = ExecutorOptions()


def make_order(options: ExecutorOptions = DEFAULT, **changes: object) -> Order:
    known: dict[str, object] = {
        "name": "mrbench-toy",
        "comment": "toys/toy, by mrbench 1",
        "output": "/runs/slurm.out",
        "command": ("/usr/bin/python3", "-m", "mrbench.run.slurm.node", "/runs"),
        "nodes": 1,
        "gpus_per_node": 0,
        "wall_clock_limit_s": 7200.0,
    }
    return Order(options=options, **{**known, **changes})  # type: ignore[arg-type]  # a table of changes


def test_the_whole_script() -> None:
    order = make_order(
        name="mrbench-detectron2-12345678",
        comment="2019/detectron2, by mrbench 1",
        output="/runs/my runs/100%/slurm.out",
        command=("/opt/my venv/bin/python", "-m", "mrbench.run.slurm.node", "/runs/my runs/100%"),
        nodes=2,
        gpus_per_node=8,
        options=ExecutorOptions(partition="gpu", account="team/a", constraint="v100&nvlink"),
    )
    assert render(order) == WHOLE


def test_what_is_not_asked_for_is_not_in_it() -> None:
    text = render(make_order())
    for word in ("gres", "partition", "account", "constraint"):
        assert word not in text


@pytest.mark.parametrize(("limit_s", "minutes"), [(1.0, 3), (60.0, 3), (60.1, 4), (7200.0, 122)])
def test_slurms_limit_comes_after_mrbenchs_own(limit_s: float, minutes: int) -> None:
    assert f"#SBATCH --time={minutes}\n" in render(make_order(wall_clock_limit_s=limit_s))
    assert minutes * 60 >= limit_s + 60


def test_the_users_time_limit_counts() -> None:
    assert "#SBATCH --time=1-12\n" in render(make_order(ExecutorOptions(time="1-12")))


@pytest.mark.parametrize("text", ["90", "1:30", "1:30:00", "2-0", "2-12:30", "2-12:30:15"])
def test_times_that_slurm_reads(text: str) -> None:
    check_time(text)


@pytest.mark.parametrize("text", ["", "x", "1h", "-5", "1:2:3:4", "90\n--wrap=x", "1-"])
def test_times_that_it_does_not(text: str) -> None:
    with pytest.raises(RecipeError, match="--time"):
        check_time(text)


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\\b", "a\tb"])
def test_no_value_leaves_its_line(value: str) -> None:
    with pytest.raises(RecipeError, match="--partition"):
        render(make_order(ExecutorOptions(partition=value)))


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("TIMEOUT", "timed_out", "--time"),
        ("CANCELLED", "interrupted", "run again"),
        ("PREEMPTED", "interrupted", "--partition"),
        ("NODE_FAIL", "exited", "n2"),
        ("OUT_OF_MEMORY", "out_of_memory", "memory"),
        ("DEADLINE", "timed_out", "deadline"),
    ],
)
def test_every_bad_end_has_a_remedy(state: str, reason: str, words: str) -> None:
    end = states.explain(state, "12", "n2")
    assert end is not None
    assert end.reason == reason
    assert words in end.text + end.remedy
    assert end.remedy
    assert "job 12" in end.text


def test_a_job_that_ended_by_itself_needs_no_explanation() -> None:
    assert states.explain("COMPLETED", "12") is None
    assert states.explain("FAILED", "12") is None


def test_who_cancelled_is_told() -> None:
    end = states.explain("CANCELLED", "12", by="alice")
    assert end is not None
    assert "by alice" in end.text


@pytest.mark.parametrize(
    ("said", "remedy", "code"),
    [
        ("Invalid account or account/partition combination specified", "--account", 2),
        ("Requested node configuration is not available", "--gpus", 4),
        ("Job violates accounting/QOS policy", "wait until jobs of yours have ended", 4),
        ("Unable to contact slurm controller (connect failure)", "controller", 4),
        ("Slurm temporarily unable to accept job, sleeping and retrying", "full", 4),
        ("something never heard", "admins", 5),
    ],
)
def test_refusals_have_remedies(said: str, remedy: str, code: int) -> None:
    assert remedy in states.remedy(said)
    assert states.kind(said).exit_code == code


def test_the_program_beside_mrbench_needs_nothing_of_it() -> None:
    from mrbench.run.slurm import watch

    text = Path(watch.__file__).read_text()
    assert "mrbench." not in text.partition('"""\n')[2]
