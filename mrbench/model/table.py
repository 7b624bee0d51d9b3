"""The rows of a comparison table, as `mrbench table --format json` has them; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mrbench.model.ledger import PlanRuns
from mrbench.model.metric import Metric, MetricName
from mrbench.model.parameters import PlannedParameter
from mrbench.model.record import Verdict
from mrbench.model.registration import Registered
from mrbench.model.run import Status
from mrbench.model.suite import Accelerator
from mrbench.model.work import Unit

Rate = Annotated[float, Meta(gt=0)]


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the row with the highest number leads those that it may be compared with."""

    fastest: Annotated[str, Meta(description="Name of that row.")]
    second: Annotated[
        str | None, Meta(description="Name of the next one; null: none may be compared with it.")
    ] = None
    ratio: Annotated[
        float | None, Meta(description="throughput of the first by those of the second.")
    ] = None
    low: Annotated[
        float | None,
        Meta(
            description="Low end of its 95 % confidence interval; null unless both have two runs."
        ),
    ] = None
    high: Annotated[float | None, Meta(description="High end of it.")] = None
    established: Annotated[
        bool, Meta(description="Whether the first is faster than the second: the interval says so.")
    ]
    reason: Annotated[str, Meta(description="Why that is not established; else empty.")] = ""
    text: Annotated[str, Meta(description="The line above the table.")]


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """Like runs together: the valid runs of one plan on machines of one kind, or why none is."""

    name: Annotated[
        str, Meta(description="Name of the row; --relative-to and `mrbench compare` take it.")
    ] = ""
    suite: Annotated[
        str | UnsetType, Meta(description="Name of the suite; `mrbench table` sets it.")
    ] = UNSET
    implementation: Annotated[str, Meta(description="Name of the recipe.")]
    title: Annotated[str, Meta(description="The recipe's title.")]
    framework: Annotated[str, Meta(description="Deep learning framework.")]
    licence: Annotated[
        str | None,
        Meta(description="Licence of the project that was trained, as SPDX says; null: unknown."),
    ] = None
    licence_of_now: Annotated[
        bool,
        Meta(description="Whether a recipe of this mrbench says it, and not the older record."),
    ] = False
    commit: Annotated[str, Meta(description="The source's commit; a package's SHA-256.")]
    pinned: Annotated[bool, Meta(description="Whether that is the recipe's own commit.")]
    gpus: Annotated[int, Meta(description="Number of GPUs (or CPU devices) of all nodes.")]
    nodes: Annotated[int, Meta(description="Number of nodes.")]
    accelerator: Annotated[Accelerator, Meta(description="What trained: gpu or cpu.")]
    hardware: Annotated[str, Meta(description="Names of the devices.")]
    comparison_group: Annotated[
        int,
        Meta(
            description="Equal for rows whose numbers may be compared, by the rules of `mrbench"
            " compare`; 1: the fastest row's."
        ),
    ] = 0
    comparison_reason: Annotated[
        str, Meta(description="Why not with those of group 1; empty in that group.")
    ] = ""
    parameters: Annotated[
        Mapping[str, PlannedParameter],
        Meta(description="Parameters of the recipe, by name, with the values of these runs."),
    ] = {}
    started: Annotated[str, Meta(description="UTC time of the newest run's start.")]
    window: Annotated[str, Meta(description="Measured iterations, as 100:500.")]
    unit: Annotated[Unit, Meta(description="What the throughput counts.")] = "images"
    throughput: Annotated[
        Rate | None, Meta(description="All work of the valid runs by all their seconds.")
    ]
    throughput_per_device: Annotated[Rate | None, Meta(description="The same by device.")]
    low_throughput_per_device: Annotated[
        Rate | None, Meta(description="Low end of its 95 % confidence interval.")
    ]
    high_throughput_per_device: Annotated[Rate | None, Meta(description="High end of it.")]
    scaling_efficiency: Annotated[
        float | None,
        Meta(
            description="throughput_per_device by that on the fewest devices of the series; 1"
            " is ideal."
        ),
    ] = None
    low_scaling_efficiency: Annotated[
        float | None,
        Meta(
            description="Low end of its 95 % confidence interval; null unless both have two runs."
        ),
    ] = None
    high_scaling_efficiency: Annotated[float | None, Meta(description="High end of it.")] = None
    scaling_from_gpus: Annotated[int | None, Meta(description="The fewest devices there.")] = None
    repeats: Annotated[int, Meta(description="Number of valid runs.")]
    failed_repeats: Annotated[int, Meta(description="Number of the others.")]
    ledger_runs: Annotated[
        int | None,
        Meta(
            description="Number of all runs of the row's plan, by the ledger; null: there is none."
        ),
    ] = None
    ledger_missing: Annotated[
        bool, Meta(description="Whether its runs are in a ledger that is not here.")
    ] = False
    registered: Annotated[
        Registered | None,
        Meta(description="The registration that all its valid runs are bound to; else null."),
    ] = None
    aggregation: Annotated[
        str,
        Meta(description="How the number is made of the runs; empty: their mean."),
    ] = ""
    ledger: Annotated[
        PlanRuns | None, Meta(description="What became of all runs of the row's plan.")
    ] = None
    earlier_runs: Annotated[
        int,
        Meta(
            description="Number of earlier runs of that implementation, commit, window and number"
            " of GPUs that are not in the row: of another plan, or on another machine."
        ),
    ] = 0
    run_throughput: Annotated[
        tuple[Rate, ...], Meta(description="Throughput of each valid run, oldest first.")
    ] = ()
    rounding: Annotated[
        float, Meta(description="Largest relative error that the digits of their logs allow.")
    ] = 0.0
    low_throughput: Annotated[
        float | None,
        Meta(
            description="Low end of the 95 % confidence interval: between runs if there are"
            " several, else within the one."
        ),
    ]
    high_throughput: Annotated[float | None, Meta(description="High end of it.")]
    deviation_throughput: Annotated[
        float | None, Meta(description="Standard deviation of the valid runs.")
    ]
    by_rule: Annotated[
        float | None,
        Meta(
            description="What the published table's rule makes of the newest valid run's own log,"
            " in by_rule_unit."
        ),
    ] = None
    by_rule_unit: Annotated[str | None, Meta(description="Its unit, e.g. tokens/s per device.")] = (
        None
    )
    by_rule_difference: Annotated[
        float | None,
        Meta(description="Throughput by the rule by that run's own number, minus 1."),
    ] = None
    by_rule_reason: Annotated[
        str | None, Meta(description="Why the rule makes no number of that log, if it makes none.")
    ] = None
    published_throughput: Annotated[float | None, Meta(description="Published number.")]
    reference: Annotated[str | None, Meta(description="Name of the published table.")]
    ratio: Annotated[
        float | None,
        Meta(description="Measured by published; null on other hardware or at another commit."),
    ]
    same_hardware: Annotated[
        bool, Meta(description="Whether hardware and commit are those of the published table.")
    ]
    status: Annotated[Status, Meta(description="ok, or why the newest run has no number.")]
    validity: Annotated[
        Verdict | Literal["not judged"],
        Meta(description="Verdict on the runs; not judged: made before suites had rules."),
    ]
    reason: Annotated[str, Meta(description="Why there is no number; else empty.")]
    notes: Annotated[tuple[str, ...], Meta(description="Notes on the valid runs.")]
    slowed: Annotated[
        tuple[str, ...], Meta(description="Those of them that say what slowed the machine.")
    ]
    joules_per_unit: Annotated[
        float | None,
        Meta(description="Joules of the GPUs for one image (or unit): mean of the valid runs."),
    ] = None
    mfu: Annotated[
        float | None,
        Meta(
            description="Model FLOPs utilisation of the row's throughput: share of one GPU's dense"
            " peak, 1 is all; null: see mfu_reason."
        ),
    ] = None
    mfu_reason: Annotated[
        str | None,
        Meta(description="Why there is none; null also where the recipe states no FLOPs."),
    ] = None
    mfu_printed: Annotated[
        float | None, Meta(description="The MFU that the newest run's log prints, as a share.")
    ] = None
    mfu_difference: Annotated[
        str | None, Meta(description="What explains the difference between the two.")
    ] = None
    peak_allocated_bytes: Annotated[
        int | None,
        Meta(
            description="Most GPU memory that the framework had allocated on one GPU, as the log"
            " prints it; the largest of the valid runs."
        ),
    ] = None
    gpu_memory_peak_bytes: Annotated[
        int | None,
        Meta(
            description="Memory in use on the fullest GPU, as NVML reports it, by all programs:"
            " highest sample of the window; the largest of the valid runs. null if one of them has"
            " an older record."
        ),
    ] = None
    gpu_memory_p95_bytes: Annotated[
        int | None, Meta(description="The same: the value that 95 % of the window lies below.")
    ] = None
    process_memory_peak_bytes: Annotated[
        int | None,
        Meta(
            description="Resident memory of the training's processes on the fullest machine,"
            " shared pages once for each process: highest sample of the window; the largest of"
            " the valid runs. null if one of them has an older record."
        ),
    ] = None
    process_memory_p95_bytes: Annotated[
        int | None, Meta(description="The same: the value that 95 % of the window lies below.")
    ] = None
    metrics: Annotated[
        Mapping[MetricName, Metric],
        Meta(
            description="By name: what the recipe's log.metrics find. The mean of the valid runs;"
            " where the aggregation is max or min, the largest or smallest."
        ),
    ] = {}
    pareto: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Keys by which the row is on the Pareto front of its comparison group and"
            " grid: no other row has at least its throughput with no more of that. null: no other"
            " row there has throughput and such a key."
        ),
    ] = None
    footnote: Annotated[str, Meta(description="What the suite changed; else empty.")]
    stand_ins: Annotated[tuple[str, ...], Meta(description="Parts that are not upstream's.")]
    runs: Annotated[tuple[str, ...], Meta(description="Ids of all runs, oldest first.")]
    folders: Annotated[tuple[str, ...], Meta(description="Their folders.")]
    folder: Annotated[str | None, Meta(description="Folder of the newest valid run.")]
    footnote_number: Annotated[int | None, Meta(description="Number of the footnote.")] = None
    lead: Annotated[
        Lead | None,
        Meta(description="Of the row with the highest number: by how much it leads; else null."),
    ] = None
    relative: Annotated[
        float | UnsetType | None,
        Meta(description="With --relative-to: throughput by those of relative_to."),
    ] = UNSET
    low_relative: Annotated[
        float | UnsetType | None,
        Meta(
            description="Low end of its 95 % confidence interval; null unless both have two runs."
        ),
    ] = UNSET
    high_relative: Annotated[float | UnsetType | None, Meta(description="High end of it.")] = UNSET
    relative_reason: Annotated[
        str | UnsetType | None, Meta(description="Why the runs may not be compared.")
    ] = UNSET
    relative_to: Annotated[
        str | UnsetType, Meta(description="The row, or rows, that relative is by.")
    ] = UNSET

    def plain(self) -> dict[str, object]:
        """Return the row as JSON holds it; keys that are not set are not in it."""
        content: dict[str, object] = msgspec.to_builtins(self)
        return content
