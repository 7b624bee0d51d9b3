"""The batch that a log at hand states, and where it contradicts the one that is counted with."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.log.stated import read_stated
from mrbench.measure.parsers import COMMON, STATES
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import Measurement
from mrbench.model.work import Unit, with_new_names
from mrbench.text import counted


def stated_facts(path: Path, log: LogFormat) -> dict[str, str]:
    """Return what the log states of its workload, if a recipe or its format knows where."""
    states = {**STATES.get(log.format or "", {}), **log.states}
    if not states or not path.is_file():  # a pipe can be read but once
        return {}
    return {n: f.value for n, f in read_stated(read_blocks(path), states, log.means).items()}


def is_foreign(path: Path, log: LogFormat, facts: Mapping[str, str]) -> bool:
    """Return whether a log of a common format states nothing of what its recipe says it does."""
    if log.format not in COMMON or not log.states or not path.is_file():
        return False
    return facts.keys().isdisjoint(with_new_names(log.states))


def contradictions(facts: Mapping[str, str], measured: Measurement) -> Iterator[str]:
    """Yield what the log states of its batch that the work of an iteration is not."""
    work = measured.work_per_iteration
    known = {name: int(value) for name, value in facts.items() if value.isdecimal()}
    a_step, each = known.get("samples_per_step"), known.get("per_device")
    whole = known.get("samples_per_iteration")
    if work is None or measured.unit == "tokens":
        return
    if a_step is not None and a_step != work:
        yield (
            f"the log states {a_step} {measured.unit} per optimizer step, and {work} per iteration:"
            " gradients of several iterations are added up, or of a part of one"
        )
    if whole is not None and whole != work and "work_per_iteration" in facts:
        yield f"the log states {whole} {measured.unit} per iteration, and {work} are counted"
    if each is not None and each != work and "gpus" not in facts:
        devices = counted(work // each, "device") if work % each == 0 else "no number of devices"
        yield (
            f"of {measured.unit} the log states {each} per device, so {work} per iteration would"
            f" be of {devices}"
        )


def stated_work(facts: Mapping[str, str], log: LogFormat, unit: Unit) -> int | None:
    """Return the work per iteration that the log itself states, if a recipe knows where.

    One device's samples are that only where an iteration is one batch of them: not of tokens, nor
    where the log states how many batches an optimizer step has.
    """
    work = facts.get("work_per_iteration")
    if work is None and unit != "tokens":
        work = facts.get("samples_per_iteration")
    batches = unit == "tokens" or "accumulation" in log.states
    if work is None and not batches and facts.keys() >= {"per_device", "gpus"}:
        factors = facts["per_device"], facts["gpus"]
        return int(factors[0]) * int(factors[1]) if all(map(str.isdecimal, factors)) else None
    return int(work) if work and work.isdecimal() else None
