"""The nouns of a suite: what makes its recipes comparable, and when a run of them is valid."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Count, Value, Window, Words
from mrbench.model.published import PublishedRule
from mrbench.model.work import Unit

Accelerator = Literal["gpu", "cpu"]


class Hardware(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine that a suite's reference was measured on."""

    accelerator: Annotated[Accelerator, doc("What trains: gpu, or cpu for tiny workloads.")]
    count: Annotated[Count, doc("Number of GPUs (or CPU devices), e.g. 8.")]
    name: Annotated[str, doc("Name of the accelerator, e.g. NVIDIA V100.")]
    notes: Annotated[str, doc("What else matters of the machine, in words, e.g. with NVLink.")] = ""

    def __str__(self) -> str:
        """Return `8 x NVIDIA V100`."""
        return f"{self.count} x {self.name}"


class Reference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published table: throughput by implementation, with its source."""

    name: Annotated[str, doc("Short name of the table, e.g. 2019-10.")]
    date: Annotated[str, doc('Date of its publication, in quotes, e.g. "2019-10-13".')]
    source: Annotated[str, doc("URL of the table, at a commit or as archived.")]
    software: Annotated[
        Mapping[str, Value],
        doc("Versions it was measured with, e.g. {CUDA: 10.0, PyTorch: 1.3.0}."),
    ] = {}
    unit: Annotated[Unit, doc("What its numbers count per second.")] = "images"
    throughput: Annotated[
        Mapping[str, float], doc("Published throughput by implementation, e.g. {detectron2: 59}.")
    ] = {}
    column: Annotated[
        str,
        doc(
            "What its numbers are, with their unit, where they are no throughput of the suite's,"
            " e.g. Tokens/s per device, or Minutes."
        ),
    ] = ""
    rule: Annotated[
        str | PublishedRule | None,
        doc(
            "How its numbers were made: the name of a rule that mrbench brings (`mrbench parse"
            " --rule`), or the rule itself. Tables then show what it makes of our own logs."
        ),
    ] = None
    labels: Annotated[
        Mapping[str, str], doc("What the source calls each implementation, in reStructuredText.")
    ] = {}
    definitions: Annotated[
        str, doc("reStructuredText definitions of the source that the labels need.")
    ] = ""


RuleName = Literal[
    "work_per_iteration",
    "gpus",
    "window",
    "loss",
    "single_process",
    "precision",
    "image_size",
    "alone",
    "throttling",
    "foreign_load",
    "cpu_throttling",
    "memory_pressure",
    "clocks",
    "batch_confirmed",
    "whole_batches",
    "mfu",
]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold for a run's number to be valid, and why."""

    rule: Annotated[
        RuleName,
        doc(
            "What is checked: the batch, number of GPUs, precision and image size that the log"
            " states; how much of the window is timed; the loss; that one process trained from"
            " iteration 1 on; that nobody else used the GPUs; that they were not throttled; that"
            " other programs and the hypervisor left the CPUs to the training; that no quota of a"
            " control group, heat or low clock slowed the CPUs; that no process waited for memory;"
            " that two clocks agree; batch_confirmed: that the log states a batch that the launch"
            " does not set; whole_batches: that smaller batches of a small data set leave no more"
            " than 0.01 of the images out; mfu: that the GPUs can do the operations that the recipe"
            " states. Every suite has the rules about the machine, batch_confirmed and"
            " whole_batches as notes, and foreign_load above 0.2, images that were counted and not"
            " there and an MFU above 1 as invalid, too; an entry here takes their place, but an MFU"
            " above 1 stays invalid. Where a rule stands twice, the worst finding counts."
        ),
    ]
    reason: Annotated[str, doc("Why the number depends on it, in one sentence.")]
    otherwise: Annotated[
        Literal["invalid", "note"],
        doc("What a run becomes that breaks the rule: invalid, or valid with a note."),
    ] = "invalid"
    at_least: Annotated[
        float | None,
        doc(
            "Lower bound. window: share of its iterations that the log times, 0 to 1."
            " cpu_throttling: clock of the fastest CPU by its highest, 0 to 1; 0.5 if left out."
        ),
    ] = None
    at_most: Annotated[
        float | None,
        doc(
            "Upper bound. loss: mean of the window's last quarter by that of its first. clocks: how"
            " far their ratio is from 1, e.g. 0.01. throttling: share of the window's samples, 0 to"
            " 1. foreign_load: share of the cores that the training may use; cpu_throttling: of the"
            " scheduler's periods, or of the time; memory_pressure: of the time; each 0 to 1, and"
            " 0.05 if left out. mfu: share of the dense peak; 1 if left out."
        ),
    ] = None


class Disparity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some recipes of a suite do otherwise than the others, and what that does to it."""

    what: Annotated[str, doc("What differs, in a few words, e.g. padding.")]
    of: Annotated[Words, doc("Implementations that differ from the others, e.g. [tf-models].")]
    how: Annotated[
        str,
        doc(
            "What they do, and what the others do, e.g. to 832x1344 pixels; the others to the"
            " largest image of the batch."
        ),
    ]
    pushes: Annotated[
        Literal["faster", "slower", "unclear"],
        doc("Which way the difference pushes their throughput."),
    ]
    why: Annotated[str, doc("Why it does, e.g. most of the pixels beyond are padding.")] = ""


class Suite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of recipes that may be compared with one another."""

    title: Annotated[str, doc("Title of the suite's table.")]
    model: Annotated[
        str,
        doc(
            "What all its recipes train, e.g. R-50-FPN Mask R-CNN, 1x schedule, 800/1333 pixels,"
            " float32."
        ),
    ]
    one_model: Annotated[
        bool,
        doc(
            "Whether all its recipes train the same model. Where they do not, the number of one is"
            " never compared with that of another."
        ),
    ] = True
    window: Annotated[
        Window, doc("Iterations to measure: first+1 to last, e.g. {first: 100, last: 500}.")
    ]
    hardware: Annotated[Hardware, doc("Machine that the suite is about; --gpus asks for another.")]
    order: Annotated[
        Words, doc("Implementations in the order of runs and tables, e.g. [detectron2].")
    ] = ()
    references: Annotated[
        tuple[Reference, ...], doc("Published tables to show beside our numbers.")
    ] = ()
    rules: Annotated[tuple[Rule, ...], doc("What must hold for a run's number to be valid.")] = ()
    differences: Annotated[
        tuple[Disparity, ...],
        doc(
            "What is not equal among its recipes, and which way that pushes the number; printed"
            " under tables and comparisons."
        ),
    ] = ()
    notes: Annotated[str, doc("What to know about the suite and its numbers, in words.")] = ""
