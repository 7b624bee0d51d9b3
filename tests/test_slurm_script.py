"""The batch script as text, what is refused before it, and what Slurm's words mean."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.model.options import ExecutorOptions
from mrbench.model.plan import Plan
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from mrbench.run.slurm import script, states

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


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load.load_named("smoke", "detectron"))


def render(plan: Plan, **options: object) -> str:
    chosen = ExecutorOptions(**options)  # type: ignore[arg-type]  # a table of options
    return script.render(plan, chosen, Path("/runs"), "mrbench-toy")


def test_the_whole_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "__version__", "1")
    monkeypatch.setattr(sys, "executable", "/opt/my venv/bin/python")
    plan = make_plan(load.load_named("2019", "detectron2"), nodes=2, gpus=8)
    options = ExecutorOptions(partition="gpu", account="team/a", constraint="v100&nvlink")
    folder, name = Path("/runs/my runs/100%"), "mrbench-detectron2-12345678"
    text = script.render(replace(plan, wall_clock_limit_s=7200.0), options, folder, name)
    assert text == WHOLE


def test_what_is_not_asked_for_is_not_in_it(plan: Plan) -> None:
    text = render(plan)
    for word in ("gres", "partition", "account", "constraint"):
        assert word not in text


@pytest.mark.parametrize(("limit_s", "minutes"), [(1.0, 3), (60.0, 3), (60.1, 4), (7200.0, 122)])
def test_slurms_limit_comes_after_mrbenchs_own(plan: Plan, limit_s: float, minutes: int) -> None:
    limited = replace(plan, wall_clock_limit_s=limit_s)
    assert f"#SBATCH --time={minutes}\n" in render(limited)
    assert minutes * 60 >= limit_s + 60


@pytest.mark.parametrize("text", ["90", "1:30", "1:30:00", "1-12", "2-12:30", "2-12:30:15"])
def test_the_users_time_limit_counts(plan: Plan, text: str) -> None:
    assert f"#SBATCH --time={text}\n" in render(plan, time=text)


@pytest.mark.parametrize("text", ["", "x", "1h", "-5", "1:2:3:4", "90\n--wrap=x", "1-"])
def test_times_that_slurm_does_not_read(plan: Plan, text: str) -> None:
    with pytest.raises(RecipeError, match="--time"):
        render(plan, time=text)


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\\b", "a\tb"])
def test_no_value_leaves_its_line(plan: Plan, value: str) -> None:
    with pytest.raises(RecipeError, match="--partition"):
        render(plan, partition=value)


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
    what_to_do, kind = states.refusal(said)
    assert remedy in what_to_do
    assert kind.exit_code == code


def test_the_program_beside_mrbench_needs_nothing_of_it() -> None:
    from mrbench.run.slurm import watch

    text = Path(watch.__file__).read_text()
    assert "mrbench." not in text.partition('"""\n')[2]
