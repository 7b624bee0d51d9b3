"""What a baseline keeps of where its numbers come from, and what forbids to compare with it.

The rules are those of `mrbench compare`, with these differences: code, patches, packages and
command are what the gate is there to test, so they may differ; whatever else moves throughput may
not, or a driver's fault would be laid on a commit.
"""

import hashlib
from collections.abc import Mapping

from mrbench.model.comparison import EXPLAINS, HARMLESS, MUST, Difference, Kind
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.record.provenance import between, facts, facts_of_plan, meaning, rules_for
from mrbench.text import printable, shorten

Facts = Mapping[str, str]
AGAINST_BASELINE: dict[str, tuple[Kind, str]] = {
    "machine.cpu": (MUST, "another CPU feeds the training"),
    "machine.cpus_usable": (MUST, "another number of CPUs feeds the training"),
    "machine.gpu_driver": (MUST, "a driver changes throughput, too"),
    "plan.nodes": (MUST, "another number of nodes"),
    "plan.log.timing": (MUST, "the number is read in another way"),
    "plan.log.clock": (MUST, "the number is read from another clock"),
    "plan.log.skipped": (MUST, "the number is read in another way"),
    "plan.log.counts_from": (MUST, "other iterations are measured"),
    "environment.image": (EXPLAINS, "another image"),
    "machine.gpus.each": (HARMLESS, "which cards of one kind"),
    "machine.variables.SLURM_JOB_ID": (HARMLESS, "a number of the job"),
    "machine.cpu_count": (HARMLESS, "how many it could use is compared"),
    "workspace.tree": (HARMLESS, "follows from commit and patches"),
}
LONGEST = 120  # characters of a value that the file holds


def kept_facts(record: RunRecord) -> dict[str, str]:
    """Return what a record knows that may matter to a comparison, as short texts, in order."""
    return _kept(facts(record))


def kept_of_plan(plan: Plan) -> dict[str, str]:
    """Return those of the kept facts that a run's plan decides, before there is a run."""
    return _kept(facts_of_plan(plan))


def _kept(known: Mapping[str, object]) -> dict[str, str]:
    rules = {**rules_for(known, known), **AGAINST_BASELINE}
    return {
        printable(key): _text(value)
        for key, value in sorted(known.items())
        if meaning(key, rules)[0] != HARMLESS
    }


def differing(baseline: Facts, new: Facts) -> list[Difference]:
    """Return in what kept facts differ, those that forbid a comparison first."""
    return between(baseline, new, {**rules_for(baseline, new), **AGAINST_BASELINE})


def forbidding(baseline: Facts, new: Facts) -> list[str]:
    """Return why they may not be compared; empty where they may."""
    return [f"{d} ({d.reason})" for d in differing(baseline, new) if d.kind == MUST]


def _text(value: object) -> str:
    """Write a fact; of a long one the beginning and a digest."""
    text = shorten(value, 1 << 20)
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 30]}... (sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]})"
