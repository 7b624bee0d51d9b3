"""A baseline: how fast a suite's runs were, as its file holds it; no I/O."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from mrbench.model.doc import doc
from mrbench.model.inputs import Value
from mrbench.model.parameters import settings
from mrbench.model.plan import Plan
from mrbench.model.work import Unit

FORMAT = 2
# Noise of long ago counts less and less: machines and trainings change.
MOST_FREEDOM = 30
MOST_HISTORY = 100  # earlier speeds that the file keeps
Key = tuple[str, int, int, str]  # implementation, devices in all, nodes, settings

Count = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
Throughput = Annotated[float, Meta(gt=0)]
HalfWidth = Annotated[float, Meta(ge=0)]
Noise = Annotated[float, Meta(ge=0, le=1000)]  # of a logarithm; all floats differ by less
Freedom = Annotated[int, Meta(ge=0, le=10_000)]
Rounding = Annotated[float, Meta(ge=0, lt=1)]


class Speed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A speed that counted from some day on."""

    saved: Annotated[str, doc("UTC time from which it counted.")]
    commit: Annotated[str, doc("Commit of the implementation that was trained.")]
    throughput: Annotated[Throughput, doc("Geometric mean of its repeats.")]
    runs: Annotated[tuple[str, ...], doc("Ids of these runs.")]
    why: Annotated[str, doc("Reason for accepting a change that was refused; else empty.")] = ""


class BaselineEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One implementation's baseline, on so many devices."""

    implementation: Annotated[str, doc("Name of the recipe, e.g. detectron2.")]
    gpus: Annotated[Count, doc("Number of GPUs (or CPU devices) of all nodes.")]
    nodes: Annotated[Count, doc("Number of nodes that train together.")]
    unit: Annotated[Unit, doc("What the throughput counts.")] = "images"
    parameters: Annotated[
        Mapping[str, Value], doc("Parameters that had another value than their default, by name.")
    ] = {}
    now: Annotated[Speed, doc("The speed that counts today.")]
    throughput: Annotated[
        tuple[Throughput, ...],
        Meta(min_length=1, description="Speed of each of its repeats, in order of time."),
    ]
    half_widths: Annotated[
        tuple[HalfWidth | None, ...],
        doc("Half widths of their 95 % intervals within a run, as the throughput."),
    ]
    noise: Annotated[
        Noise | None,
        doc(
            "Standard deviation from run to run, a share of the speed: of these repeats and of"
            " those of earlier speeds. Null of a single run."
        ),
    ]
    noise_freedom: Annotated[Freedom, doc("Degrees of freedom that the noise is known by.")]
    rounding: Annotated[Rounding, doc("Largest relative error that digits of the logs allow.")]
    anchor: Annotated[Speed, doc("The speed that slow changes are measured from.")]
    history: Annotated[tuple[Speed, ...], doc("Earlier speeds, oldest first.")] = ()
    provenance: Annotated[
        Mapping[str, str], doc("Where it comes from, beside what all entries share.")
    ] = {}

    @property
    def key(self) -> Key:
        """What the entry is known by."""
        return self.implementation, self.gpus, self.nodes, settings(self.parameters)

    @property
    def known_runs(self) -> set[str]:
        """Ids of all runs that went into the entry: they are no test of it."""
        return {run for speed in (*self.history, self.anchor, self.now) for run in speed.runs}


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The speeds of a suite's implementations on one machine."""

    format: Annotated[int, doc(f"Version of this format, {FORMAT} today.")]
    suite: Annotated[str, doc("Name of the suite, e.g. 2019.")]
    mrbench: Annotated[str, doc("Version of mrbench that wrote the file.")]
    provenance: Annotated[Mapping[str, str], doc("Where all entries come from: what they share.")]
    entries: Annotated[tuple[BaselineEntry, ...], doc("One per implementation.")]
    digest: Annotated[str, doc("SHA-256 of all of the above.")] = ""


def series_key(plan: Plan) -> Key:
    """Return what runs of a plan are known by."""
    return plan.implementation, plan.gpus, plan.nodes, plan.settings


def series_name(key: Key, others: set[Key]) -> str:
    """Return the name of a series, with its devices if there are several but for them."""
    implementation, gpus, nodes, settings_ = key
    name = f"{implementation} {settings_}".rstrip()
    alike = [other for other in others | {key} if (other[0], other[3]) == (key[0], key[3])]
    if len(alike) == 1:
        return name
    devices = f"{gpus} device{'s' * (gpus != 1)}"
    return f"{name} ({devices}, {nodes} nodes)" if nodes > 1 else f"{name} ({devices})"
