"""The rows of a comparison table, as `mrbench table --format json` has them; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mrbench.model.doc import doc
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

    fastest: Annotated[str, doc("Name of that row.")]
    second: Annotated[
        str | None, doc("Name of the next one; null: none may be compared with it.")
    ] = None
    ratio: Annotated[float | None, doc("throughput of the first by those of the second.")] = None
    low: Annotated[
        float | None,
        doc("Low end of its 95 % confidence interval; null unless both have two runs."),
    ] = None
    high: Annotated[float | None, doc("High end of it.")] = None
    established: Annotated[
        bool, doc("Whether the first is faster than the second: the interval says so.")
    ]
    reason: Annotated[str, doc("Why that is not established; else empty.")] = ""
    text: Annotated[str, doc("The line above the table.")]


Level = Literal["self-reported", "recomputed", "reproduced"]


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """Like runs together: the valid runs of one plan on machines of one kind, or why none is."""

    name: Annotated[str, doc("Name of the row; --relative-to and `mrbench compare` take it.")] = ""
    suite: Annotated[str | UnsetType, doc("Name of the suite; `mrbench table` sets it.")] = UNSET
    implementation: Annotated[str, doc("Name of the recipe.")]
    title: Annotated[str, doc("The recipe's title.")]
    framework: Annotated[str, doc("Deep learning framework.")]
    licence: Annotated[
        str | None, doc("Licence of the project that was trained, as SPDX says; null: unknown.")
    ] = None
    licence_of_now: Annotated[
        bool, doc("Whether a recipe of this mrbench says it, and not the older record.")
    ] = False
    commit: Annotated[str, doc("The source's commit; a package's SHA-256.")]
    pinned: Annotated[bool, doc("Whether that is the recipe's own commit.")]
    gpus: Annotated[int, doc("Number of GPUs (or CPU devices) of all nodes.")]
    nodes: Annotated[int, doc("Number of nodes.")]
    accelerator: Annotated[Accelerator, doc("What trained: gpu or cpu.")]
    hardware: Annotated[str, doc("Names of the devices.")]
    comparison_group: Annotated[
        int,
        doc(
            "Equal for rows whose numbers may be compared, by the rules of `mrbench compare`; 1:"
            " the fastest row's."
        ),
    ] = 0
    comparison_reason: Annotated[
        str, doc("Why not with those of group 1; empty in that group.")
    ] = ""
    parameters: Annotated[
        Mapping[str, PlannedParameter],
        doc("Parameters of the recipe, by name, with the values of these runs."),
    ] = {}
    started: Annotated[str, doc("UTC time of the newest run's start.")]
    window: Annotated[str, doc("Measured iterations, as 100:500.")]
    unit: Annotated[Unit, doc("What the throughput counts.")] = "images"
    throughput: Annotated[Rate | None, doc("All work of the valid runs by all their seconds.")]
    throughput_per_device: Annotated[Rate | None, doc("The same by device.")]
    low_throughput_per_device: Annotated[
        Rate | None, doc("Low end of its 95 % confidence interval.")
    ]
    high_throughput_per_device: Annotated[Rate | None, doc("High end of it.")]
    scaling_efficiency: Annotated[
        float | None,
        doc("throughput_per_device by that on the fewest devices of the series; 1 is ideal."),
    ] = None
    low_scaling_efficiency: Annotated[
        float | None,
        doc("Low end of its 95 % confidence interval; null unless both have two runs."),
    ] = None
    high_scaling_efficiency: Annotated[float | None, doc("High end of it.")] = None
    scaling_from_gpus: Annotated[int | None, doc("The fewest devices there.")] = None
    repeats: Annotated[int, doc("Number of valid runs.")]
    failed_repeats: Annotated[int, doc("Number of the others.")]
    ledger_runs: Annotated[
        int | None, doc("Number of all runs of the row's plan, by the ledger; null: there is none.")
    ] = None
    ledger_missing: Annotated[bool, doc("Whether its runs are in a ledger that is not here.")] = (
        False
    )
    registered: Annotated[
        Registered | None, doc("The registration that all its valid runs are bound to; else null.")
    ] = None
    aggregation: Annotated[str, doc("How the number is made of the runs; empty: their mean.")] = ""
    ledger: Annotated[PlanRuns | None, doc("What became of all runs of the row's plan.")] = None
    earlier_runs: Annotated[
        int,
        doc(
            "Number of earlier runs of that implementation, commit, window and number of GPUs that"
            " are not in the row: of another plan, or on another machine."
        ),
    ] = 0
    run_throughput: Annotated[
        tuple[Rate, ...], doc("Throughput of each valid run, oldest first.")
    ] = ()
    rounding: Annotated[
        float, doc("Largest relative error that the digits of their logs allow.")
    ] = 0.0
    low_throughput: Annotated[
        float | None,
        doc(
            "Low end of the 95 % confidence interval: between runs if there are several, else"
            " within the one."
        ),
    ]
    high_throughput: Annotated[float | None, doc("High end of it.")]
    deviation_throughput: Annotated[float | None, doc("Standard deviation of the valid runs.")]
    by_rule: Annotated[
        float | None,
        doc(
            "What the published table's rule makes of the newest valid run's own log, in"
            " by_rule_unit."
        ),
    ] = None
    by_rule_unit: Annotated[str | None, doc("Its unit, e.g. tokens/s per device.")] = None
    by_rule_difference: Annotated[
        float | None, doc("Throughput by the rule by that run's own number, minus 1.")
    ] = None
    by_rule_reason: Annotated[
        str | None, doc("Why the rule makes no number of that log, if it makes none.")
    ] = None
    published_throughput: Annotated[float | None, doc("Published number.")]
    reference: Annotated[str | None, doc("Name of the published table.")]
    ratio: Annotated[
        float | None, doc("Measured by published; null on other hardware or at another commit.")
    ]
    same_hardware: Annotated[
        bool, doc("Whether hardware and commit are those of the published table.")
    ]
    status: Annotated[Status, doc("ok, or why the newest run has no number.")]
    validity: Annotated[
        Verdict | Literal["not judged"],
        doc("Verdict on the runs; not judged: made before suites had rules."),
    ]
    reason: Annotated[str, doc("Why there is no number; else empty.")]
    notes: Annotated[tuple[str, ...], doc("Notes on the valid runs.")]
    slowed: Annotated[tuple[str, ...], doc("Those of them that say what slowed the machine.")]
    joules_per_unit: Annotated[
        float | None, doc("Joules of the GPUs for one image (or unit): mean of the valid runs.")
    ] = None
    mfu: Annotated[
        float | None,
        doc(
            "Model FLOPs utilisation of the row's throughput: share of one GPU's dense peak, 1 is"
            " all; null: see mfu_reason."
        ),
    ] = None
    mfu_reason: Annotated[
        str | None, doc("Why there is none; null also where the recipe states no FLOPs.")
    ] = None
    mfu_printed: Annotated[
        float | None, doc("The MFU that the newest run's log prints, as a share.")
    ] = None
    mfu_difference: Annotated[str | None, doc("What explains the difference between the two.")] = (
        None
    )
    peak_allocated_bytes: Annotated[
        int | None,
        doc(
            "Most GPU memory that the framework had allocated on one GPU, as the log prints it; the"
            " largest of the valid runs."
        ),
    ] = None
    gpu_memory_peak_bytes: Annotated[
        int | None,
        doc(
            "Memory in use on the fullest GPU, as NVML reports it, by all programs: highest sample"
            " of the window; the largest of the valid runs. null if one of them has an older"
            " record."
        ),
    ] = None
    gpu_memory_p95_bytes: Annotated[
        int | None, doc("The same: the value that 95 % of the window lies below.")
    ] = None
    process_memory_peak_bytes: Annotated[
        int | None,
        doc(
            "Resident memory of the training's processes on the fullest machine, shared pages once"
            " for each process: highest sample of the window; the largest of the valid runs. null"
            " if one of them has an older record."
        ),
    ] = None
    process_memory_p95_bytes: Annotated[
        int | None, doc("The same: the value that 95 % of the window lies below.")
    ] = None
    metrics: Annotated[
        Mapping[MetricName, Metric],
        doc(
            "By name: what the recipe's log.metrics find. The mean of the valid runs; where the"
            " aggregation is max or min, the largest or smallest."
        ),
    ] = {}
    pareto: Annotated[
        tuple[str, ...] | None,
        doc(
            "Keys by which the row is on the Pareto front of its comparison group and grid: no"
            " other row has at least its throughput with no more of that. null: no other row there"
            " has throughput and such a key."
        ),
    ] = None
    footnote: Annotated[str, doc("What the suite changed; else empty.")]
    stand_ins: Annotated[tuple[str, ...], doc("Parts that are not upstream's.")]
    runs: Annotated[tuple[str, ...], doc("Ids of all runs, oldest first.")]
    folders: Annotated[tuple[str, ...], doc("Their folders.")]
    folder: Annotated[str | None, doc("Folder of the newest valid run.")]
    footnote_number: Annotated[int | None, doc("Number of the footnote.")] = None
    lead: Annotated[
        Lead | None, doc("Of the row with the highest number: by how much it leads; else null.")
    ] = None
    relative: Annotated[
        float | UnsetType | None, doc("With --relative-to: throughput by those of relative_to.")
    ] = UNSET
    low_relative: Annotated[
        float | UnsetType | None,
        doc("Low end of its 95 % confidence interval; null unless both have two runs."),
    ] = UNSET
    high_relative: Annotated[float | UnsetType | None, doc("High end of it.")] = UNSET
    relative_reason: Annotated[str | UnsetType | None, doc("Why the runs may not be compared.")] = (
        UNSET
    )
    relative_to: Annotated[str | UnsetType, doc("The row, or rows, that relative is by.")] = UNSET
    signer: Annotated[
        str | UnsetType, doc("In a results repository: who signed its runs, by allowed_signers.")
    ] = UNSET
    level: Annotated[Level | UnsetType, doc("There: what was done to check the number.")] = UNSET
    level_reason: Annotated[str | UnsetType, doc("There: why the level is no other.")] = UNSET
    command: Annotated[str | UnsetType, doc("There: what repeats its runs.")] = UNSET

    def plain(self) -> dict[str, object]:
        """Return the row as JSON holds it; keys that are not set are not in it."""
        content: dict[str, object] = msgspec.to_builtins(self)
        return content


class PublishedResults(msgspec.Struct, frozen=True, kw_only=True):
    """results.json, which `mrbench results build` writes for other pages."""

    format: Annotated[int, doc("Version of this format, 1 today.")] = 1
    mrbench: Annotated[str, doc("Version of mrbench that built it.")]
    rows: Annotated[tuple[TableRow, ...], doc("Of all leaderboards; their folders are archives.")]
    archives: Annotated[Mapping[str, str], doc("SHA-256 of each archive that counts, by path.")]
    not_shown: Annotated[Mapping[str, str], doc("Why an archive is not shown, by path.")]
