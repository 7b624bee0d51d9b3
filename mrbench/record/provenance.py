"""In what two records differ, and what that means for a comparison of their numbers."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from mrbench.text import ABSENT, differences, flat, shown

Record = Mapping[str, Any]
Facts = Mapping[str, object]  # of a record, by dotted key
Kind = Literal["must match", "may explain", "harmless"]
Rules = Mapping[str, tuple[Kind, str]]
MUST: Kind = "must match"
EXPLAINS: Kind = "may explain"
HARMLESS: Kind = "harmless"

# The beginning of a fact's dotted key: what a difference there means, and why. The longest counts.
KEYS: dict[str, tuple[Kind, str]] = {
    "plan.suite": (MUST, "each suite trains something else"),
    "plan.window": (MUST, "other iterations are measured"),
    "plan.images_per_iteration": (MUST, "throughput depends on the batch"),
    "plan.images_per_gpu": (MUST, "throughput depends on the batch of each device"),
    "plan.gpus": (MUST, "another number of devices"),
    "plan.accelerator": (MUST, "another kind of device"),
    "plan.precision": (MUST, "other arithmetic"),
    "plan.data.synthetic": (MUST, "other images"),
    "plan.environment.image": (MUST, "another image of the whole system"),
    "machine.gpus.names": (MUST, "other GPUs"),
    "plan.image_size": (MUST, "images of another size"),
    "stated": (MUST, "by their logs the workloads differ"),
    "plan": (EXPLAINS, "what was run"),
    "plan.implementation": (EXPLAINS, "what a suite's table compares"),
    "plan.source": (EXPLAINS, "other code"),
    "plan.source.tree": (HARMLESS, "a pin; the workspace's tree is what ran"),
    "plan.source.patches": (HARMLESS, "names; their digests are compared"),
    "plan.environment.requirements": (HARMLESS, "the packages are compared one by one"),
    "plan.environment.build_requirements": (HARMLESS, "the same"),
    "plan.environment.lock": (HARMLESS, "a name; its digest is compared"),
    "plan.environment.probe": (HARMLESS, "what was tried after the installation"),
    "plan.environment.system": (HARMLESS, "what doctor looks for"),
    "plan.patch_sha256": (EXPLAINS, "other changes of the code"),
    "plan.adaptation": (EXPLAINS, "other changes for the suite"),
    "plan.lock_sha256": (EXPLAINS, "other packages"),
    "plan.data": (EXPLAINS, "the data, as the implementation reads them"),
    "plan.data.links": (HARMLESS, "where the implementation looks for the data"),
    "plan.log": (EXPLAINS, "how the log is read"),
    "plan.log.keep": (HARMLESS, "which small files are kept"),
    "plan.pinned": (HARMLESS, "follows from the commit"),
    "plan.title": (HARMLESS, "a name"),
    "plan.format": (HARMLESS, "how the plan is written"),
    "plan.stop": (HARMLESS, "words"),
    "plan.wall_clock_limit_s": (HARMLESS, "a limit"),
    "plan.stall_limit_s": (HARMLESS, "a limit"),
    "workspace.tree": (EXPLAINS, "other code"),
    "workspace": (HARMLESS, "follows from the commit, or tells where the checkout was"),
    "package": (EXPLAINS, "another version"),
    "environment": (HARMLESS, "where the environment was, and how it came there"),
    "weights": (EXPLAINS, "other weights to start from"),
    "clock_mhz": (EXPLAINS, "the GPUs ran at other clocks in the window"),
    "forced": (EXPLAINS, "a refusal was overruled"),
    "machine": (EXPLAINS, "another machine"),
    "machine.gpu_driver": (EXPLAINS, "another driver"),
    "machine.variables": (EXPLAINS, "another setting"),
    "machine.host": (HARMLESS, "a name"),
    "machine.load_average_1min": (HARMLESS, "differs from minute to minute"),
    "machine.mrbench": (HARMLESS, "stands in the record too"),
    "suite.window": (HARMLESS, "what counts is the plan's"),
    "suite.references": (HARMLESS, "published numbers"),
    "suite.notes": (HARMLESS, "words"),
    "suite": (EXPLAINS, "the suite was changed"),
    "mrbench": (EXPLAINS, "another version of mrbench measured"),
}
# Where a CPU is the accelerator, what it is takes the place of the GPUs' names.
ON_CPU: dict[str, tuple[Kind, str]] = {
    "machine.cpu": (MUST, "another CPU"),
    "machine.cpus_usable": (MUST, "another number of CPUs"),
}
# Between two implementations of a suite the suite has decided that these do not forbid it.
BETWEEN: dict[str, tuple[Kind, str]] = {
    "plan.images_per_iteration": (EXPLAINS, "the suite compares implementations of other batches"),
    "plan.images_per_gpu": (EXPLAINS, "the same"),
    "plan.image_size": (EXPLAINS, "the suite compares implementations of other sizes"),
    "plan.environment.image": (EXPLAINS, "each implementation has its own"),
    "stated": (EXPLAINS, "what each log states is compared with its own plan"),
}
PARTS = ("plan", "workspace", "environment", "machine", "forced", "suite", "mrbench")
# Not every log or recipe says these: what one of two does not say forbids nothing.
UNSAID = ("stated.", "plan.image_size")
LONGEST = 72  # characters of a value that a line shows


class Difference(NamedTuple):
    """One fact that is not the same in both records."""

    key: str
    kind: Kind
    reason: str
    a: object
    b: object

    def __str__(self) -> str:
        """Return the fact with both its values."""
        return f"{self.key}: {shown(self.a, LONGEST)} / {shown(self.b, LONGEST)}"


def differing(a: Record, b: Record) -> list[Difference]:
    """Return all facts that differ, those that forbid a comparison first."""
    return between(facts(a), facts(b), rules_for(facts(a), facts(b)))


def between(a: Facts, b: Facts, rules: Rules) -> list[Difference]:
    """Return in which facts two records differ, by the rules' kinds."""
    found = [
        Difference(key, *meaning(key, rules), one, other)
        for key, one, other in differences(a, b)
        if not (key.startswith(UNSAID) and ABSENT in (one, other))
    ]
    order = [MUST, EXPLAINS, HARMLESS]
    return sorted(found, key=lambda d: order.index(d.kind))


def incomparable(a: Record, b: Record) -> list[str]:
    """Return why the numbers of two runs may not be compared; empty where they may."""
    return [f"{d} ({d.reason})" for d in differing(a, b) if d.kind == MUST]


def facts(record: Record) -> dict[str, object]:
    """Return what a record knows of where its number comes from, by dotted key."""
    known = {part: _one(record[part]) for part in PARTS if record.get(part) is not None}
    environment = dict(record.get("environment") or {})
    machine = dict(record.get("machine") or {})
    gpus = machine.pop("gpus", None) or ()
    machine["gpus"] = {
        "names": ", ".join(str(gpu.get("name")) for gpu in gpus) or "none",
        "each": {str(i): {k: v for k, v in g.items() if k != "name"} for i, g in enumerate(gpus)},
    }
    watched = (record.get("telemetry") or {}).get("gpus") or ()
    clocks = {str(gpu.get("index")): gpu.get("sm_clock_mhz") for gpu in watched}
    known["clock_mhz"] = {
        index: round(clock["mean"], -1) for index, clock in clocks.items() if clock
    }
    known["package"] = dict(_packages(environment.pop("frozen", None) or ()))
    weights = record.get("weights") or ()
    stated = record.get("stated") or {}
    known["stated"] = {name: fact.get("value") for name, fact in stated.items()}
    known["weights"] = {str(used.get("file")): used.get("sha256") for used in weights}
    return {
        key: value
        for key, value in flat({**known, "environment": environment, "machine": machine})
        if value not in (None, "", [], {})
    }


def _packages(frozen: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Read `name==version` and `name @ URL`, as pip and uv list them."""
    for line in frozen:
        name, _, version = re.sub(r"\s*(==|@)\s*", "\0", str(line), count=1).partition("\0")
        yield re.sub(r"[-_.]+", "-", name).lower(), version


def _one(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Make one text of each list: a command differs as a whole, not word by word."""
    if isinstance(value, Mapping):
        return {name: _one(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        plain = all(isinstance(item, str) for item in value)
        return " ".join(value) if plain else json.dumps(value)
    return value


def rules_for(a: Facts, b: Facts) -> Rules:
    """Return what differences mean between these two: on a CPU, between two implementations."""
    on_cpu = "cpu" in (a.get("plan.accelerator"), b.get("plan.accelerator"))
    two = a.get("plan.implementation") != b.get("plan.implementation")
    return {**KEYS, **(ON_CPU if on_cpu else {}), **(BETWEEN if two else {})}


def meaning(key: str, rules: Rules) -> tuple[Kind, str]:
    """Return what a difference in a fact means, and why."""
    fits = [k for k in rules if key == k or (key.startswith(k) and key[len(k)] in ".[")]
    return rules[max(fits, key=len)] if fits else (EXPLAINS, "not known to be harmless")
