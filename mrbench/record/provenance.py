"""In what two records differ, and what that means for a comparison of their numbers."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mrbench.model.comparison import EXPLAINS, HARMLESS, MUST, Difference, Kind
from mrbench.model.inputs import SyntheticData
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.recipe import load
from mrbench.record.machine_rules import slowed_by
from mrbench.text import ABSENT, differences, leaves

Facts = Mapping[str, object]  # of a record, by dotted key
Rules = Mapping[str, tuple[Kind, str]]

# Variables that tell who ran a training, from where, and how it reached the network.
WHO = (
    *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM", "TZ", "XDG_CACHE_HOME", "TORCH_HOME"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "CURL_CA_BUNDLE"),
    *("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE", "KERAS_HOME"),
    *("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"),
    *("TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"),
)
DRAWN = tuple(sorted(field.name for field in msgspec.structs.fields(SyntheticData)))
PACKAGES = ("frozen", "lock_difference")  # compared one by one
# of a plan, left out while they are as for images
OF_WORK = ("unit", "sequence_length", "accumulation", "iteration")
OWN_MODEL = "own_model"  # whose model it is, where a suite's recipes share none
SLOWED = "slowed"  # begins the facts on what slowed a run: other programs, heat
# The beginning of a fact's dotted key: what a difference there means, and why. The longest counts.
KEYS: dict[str, tuple[Kind, str]] = {
    "plan.suite": (MUST, "each suite trains something else"),
    "plan.window": (MUST, "other iterations are measured"),
    "plan.unit": (MUST, "other work is counted"),
    "plan.work_per_iteration": (MUST, "throughput depends on the batch"),
    "plan.sequence_length": (MUST, "sequences of another length"),
    "plan.accumulation": (MUST, "another number of batches in a step"),
    "plan.iteration": (MUST, "iterations are steps of one and batches of the other"),
    "plan.per_device": (MUST, "throughput depends on the batch of each device"),
    "plan.gpus": (MUST, "another number of devices"),
    "plan.accelerator": (MUST, "another kind of device"),
    "plan.precision": (MUST, "other arithmetic"),
    "plan.data.synthetic": (MUST, "other images"),
    "plan.trained_from": (MUST, "an untrained network proposes other regions"),
    "plan.environment.image": (MUST, "another image of the whole system"),
    "machine.gpus.names": (MUST, "other GPUs"),
    "plan.image_size": (MUST, "images of another size"),
    OWN_MODEL: (MUST, "each recipe of the suite trains a model of its own"),
    "stated": (MUST, "by their logs the workloads differ"),
    "plan": (EXPLAINS, "what was run"),
    "plan.implementation": (EXPLAINS, "what a suite's table compares"),
    "plan.source": (EXPLAINS, "other code"),
    "plan.source.tree": (HARMLESS, "a pin; the workspace's tree is what ran"),
    "plan.source.patches": (HARMLESS, "names; their digests are compared"),
    "plan.environment.requirements": (HARMLESS, "the packages are compared one by one"),
    "plan.environment.build_requirements": (HARMLESS, "the same"),
    "plan.environment.index": (HARMLESS, "the packages are compared one by one"),
    "plan.environment.find_links": (HARMLESS, "the same"),
    "plan.environment.no_deps": (HARMLESS, "the same"),
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
    "plan.log.metrics": (HARMLESS, "which other values are read"),
    "plan.flops": (HARMLESS, "what MFU is worked out by"),
    "plan.parameters": (EXPLAINS, "another value of a parameter"),
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
    "environment.interpreter": (EXPLAINS, "another interpreter"),
    "environment.built_with": (EXPLAINS, "built with other settings"),
    "weights": (EXPLAINS, "other weights to start from"),
    SLOWED: (EXPLAINS, "something slowed the run"),
    "clock_mhz": (EXPLAINS, "the GPUs ran at other clocks in the window"),
    "forced": (EXPLAINS, "a refusal was overruled"),
    "machine": (EXPLAINS, "another machine"),
    "machine.gpu_driver": (EXPLAINS, "another driver"),
    "machine.variables": (EXPLAINS, "another setting"),
    **{f"machine.variables.{name}": (HARMLESS, "who ran it, and from where") for name in WHO},
    "machine.not_passed": (HARMLESS, "what the training was not given"),
    "machine.host": (HARMLESS, "a name"),
    "machine.load_average_1min": (HARMLESS, "differs from minute to minute"),
    "machine.mrbench": (HARMLESS, "stands in the record too"),
    "suite.window": (HARMLESS, "what counts is the plan's"),
    "suite.references": (HARMLESS, "published numbers"),
    "suite.notes": (HARMLESS, "words"),
    "suite.differences": (HARMLESS, "a comparison names those that concern it"),
    "suite.one_model": (HARMLESS, "own_model says it of each recipe"),
    "suite": (EXPLAINS, "the suite was changed"),
    "mrbench": (EXPLAINS, "another version of mrbench measured"),
}
# Where a CPU is the accelerator, what it is takes the place of the GPUs' names.
ON_CPU: dict[str, tuple[Kind, str]] = {
    "machine.cpu": (MUST, "another CPU"),
    "machine.cpus_usable": (MUST, "another number of CPUs"),
    "machine.cpu_quota_cores": (MUST, "another quota of CPU time"),
}
# Between two implementations of a suite the suite has decided that these do not forbid it.
BETWEEN: dict[str, tuple[Kind, str]] = {
    "plan.work_per_iteration": (EXPLAINS, "the suite compares implementations of other batches"),
    "plan.per_device": (EXPLAINS, "the same"),
    "plan.sequence_length": (EXPLAINS, "the same"),
    "plan.accumulation": (EXPLAINS, "the same"),
    "plan.iteration": (EXPLAINS, "the same"),
    "plan.image_size": (EXPLAINS, "the suite compares implementations of other sizes"),
    "plan.environment.image": (EXPLAINS, "each implementation has its own"),
    "stated": (EXPLAINS, "what each log states is compared with its own plan"),
}
PARTS = ("plan", "workspace", "environment", "machine", "forced", "suite", "mrbench")
# Not every log or recipe says these: what one of two does not say forbids nothing.
UNSAID = ("stated.", "plan.image_size", "plan.parameters.", "plan.trained_from")


def differing(a: RunRecord, b: RunRecord) -> list[Difference]:
    """Return all facts that differ, those that forbid a comparison first."""
    one, other = facts(a), facts(b)
    return between(one, other, rules_for(one, other))


def forbidding(a: Facts, b: Facts) -> list[Difference]:
    """Return what forbids to compare the numbers of two records; a, b: their facts, or terms."""
    return [d for d in between(a, b, rules_for(a, b)) if d.kind == MUST]


def between(a: Facts, b: Facts, rules: Rules) -> list[Difference]:
    """Return in which facts two records differ, by the rules' kinds."""
    unlike = [
        Difference(key, *meaning(key, rules), _said(key, one), _said(key, other))
        for key, one, other in differences(a, b)
        if not (key.startswith(UNSAID) and ABSENT in (one, other))
    ]
    order = [MUST, EXPLAINS, HARMLESS]
    return sorted(unlike, key=lambda d: order.index(d.kind))


def _said(key: str, value: object) -> object:
    """Return a fact's value; what a plan leaves out is what it was before that could be said."""
    name = key.removeprefix("plan.")
    return Plan.LATER[name] if value == ABSENT and name in OF_WORK else value


def facts(record: RunRecord) -> dict[str, object]:
    """Return what a record knows of where its number comes from, by dotted key."""
    content = record.plain() | {"plan": _plan(record.plan)}
    environment, machine = content.get("environment") or {}, content.get("machine") or {}
    gpus = record.machine.gpus if record.machine else ()
    watched = (record.telemetry.gpus if record.telemetry else None) or ()
    known: dict[str, object] = {
        part: _one(content[part]) for part in PARTS if content.get(part) is not None
    }
    machine["variables"] = {
        n: v for n, v in (machine.get("variables") or {}).items() if not n.startswith("SLURM_")
    }
    known["environment"] = _one({k: v for k, v in environment.items() if k not in PACKAGES})
    known["machine"] = {
        **{k: _one(machine[k]) for k in sorted(machine) if k != "gpus"},
        "gpus": {
            "names": ", ".join(str(gpu.name) for gpu in gpus) or "none",
            "each": {
                str(i): {"memory_bytes": gpu.memory_bytes, "uuid": gpu.uuid}
                for i, gpu in enumerate(gpus)
            },
        },
    }
    known["clock_mhz"] = {
        str(gpu.index): round(gpu.sm_clock_mhz.mean, -1) for gpu in watched if gpu.sm_clock_mhz
    }
    known[SLOWED] = slowed_by(record)
    known["package"] = dict(_packages(record.environment.frozen if record.environment else ()))
    known["stated"] = {name: fact.value for name, fact in (record.stated or {}).items()}
    known |= _own_model(record)
    known["weights"] = {weights.file: weights.sha256 for weights in record.weights or ()}
    return _leaves(known)


def facts_of_plan(plan: Plan) -> dict[str, object]:
    """Return those facts of a run's record that its plan decides, before there is a run."""
    return _leaves({"plan": _one(_plan(plan))})


def _plan(plan: Plan) -> dict[str, object]:
    parameters = {name: each.value for name, each in plan.parameters.items()}
    known = {"parameters": parameters} if parameters else {}
    return plan.plain() | known | {"trained_from": _trained_from(plan)}


def _trained_from(plan: Plan) -> str | None:
    """Return which weights a training had where it could have had others, else None."""
    chosen = plan.parameters.get("weights")
    return str(chosen.value) if chosen else "pretrained" if plan.weights else None


def _own_model(record: RunRecord) -> dict[str, object]:
    """Return whose model was trained, where a suite's recipes do not share one.

    What the suite at hand says of them holds for the runs of before, too.
    """
    suite = load.suite_at_hand(record.plan.suite, record.suite)
    one = record.suite.one_model and suite.one_model
    return {} if one else {OWN_MODEL: record.plan.implementation}


def _leaves(known: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in leaves(known) if value not in (None, "", [], {})}


def terms(record: RunRecord) -> dict[str, object]:
    """Return those of a record's facts that `forbidding` looks at, in a hundredth of the time."""
    plan, machine = record.plan, record.machine
    known: dict[str, object] = {"plan.accelerator": plan.accelerator}
    if plan.data and plan.data.synthetic:
        for name in DRAWN:
            known[f"plan.data.synthetic.{name}"] = getattr(plan.data.synthetic, name)
    known |= {
        "plan.environment.image": plan.environment.image,
        "plan.gpus": plan.gpus,
        "plan.image_size": plan.image_size,
        "plan.implementation": plan.implementation,
        "plan.per_device": plan.per_device,
        "plan.precision": plan.precision,
        "plan.suite": plan.suite,
        "plan.trained_from": _trained_from(plan),
        "plan.window.first": plan.window.first,
        "plan.window.last": plan.window.last,
        "plan.work_per_iteration": plan.work_per_iteration,
    }
    of_work = {name: getattr(plan, name) for name in OF_WORK}
    known |= {f"plan.{n}": value for n, value in of_work.items() if value != Plan.LATER[n]}
    known = dict(sorted(known.items()))
    if machine and plan.accelerator == "cpu":
        known |= {key: getattr(machine, key.removeprefix("machine.")) for key in sorted(ON_CPU)}
    gpus = machine.gpus if machine else ()
    known["machine.gpus.names"] = ", ".join([str(gpu.name) for gpu in gpus]) or "none"
    for name, fact in (record.stated or {}).items():
        known[f"stated.{name}"] = fact.value
    known |= _own_model(record)
    return {key: value for key, value in known.items() if value is not None and value != ""}


def _packages(frozen: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Read `name==version` and `name @ URL`, as pip and uv list them."""
    for line in frozen:
        name, _, version = re.sub(r"\s*(==|@)\s*", "\0", line, count=1).partition("\0")
        yield re.sub(r"[-_.]+", "-", name).lower(), version


def _one(value: object) -> object:
    """Make one text of each list: a command differs as a whole, not word by word."""
    if isinstance(value, Mapping):
        return {name: _one(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        words = all(isinstance(item, str) for item in value)
        return " ".join(value) if words else json.dumps(value, sort_keys=True)
    return value


def rules_for(a: Facts, b: Facts) -> Rules:
    """Return what differences mean between these two: on a CPU, between two implementations."""
    on_cpu = "cpu" in (a.get("plan.accelerator"), b.get("plan.accelerator"))
    two = a.get("plan.implementation") != b.get("plan.implementation")
    return {**KEYS, **(ON_CPU if on_cpu else {}), **(BETWEEN if two else {})}


def meaning(key: str, rules: Rules) -> tuple[Kind, str]:
    """Return what a difference in a fact means, and why."""
    return rules.get(beginning(key, rules), (EXPLAINS, "not known to be harmless"))


def beginning(key: str, keys: Iterable[str]) -> str:
    """Return the longest of these keys that a fact's dotted key begins with, or nothing."""
    fits = [k for k in keys if key == k or (key.startswith(k) and key[len(k)] in ".[")]
    return max(fits, key=len, default="")
