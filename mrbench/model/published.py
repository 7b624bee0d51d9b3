"""The rule by which somebody made a published number, as data, and what it gives; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Count
from mrbench.model.logformat import LogFormat

Number = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Unknown = Literal["unknown"]
Of = Literal["rate", "time", "clock", "unknown"]
Statistic = Literal[
    "mean", "median", "single", "max", "mean_of_epoch_means", "work_over_time", "unknown"
]
RuleUnit = Literal["images", "tokens", "samples", "sequences", "steps", "unknown"]
Excluded = Literal["eval", "checkpoint", "logging", "sampling", "compile", "first_steps", "unknown"]
ONE_WAY = "give one of first and last, only, last: true, skip_first, skip_fraction,"
WAYS = "skip_first_per_epoch or all"


class Lines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines of the log a number is made of. Numbers are those that the log prints."""

    first: Annotated[Number | None, doc("First iteration of a range, as the log prints it.")] = None
    last: Annotated[
        int | bool | None, doc("Last iteration of that range; or true, alone: only the last line.")
    ] = None
    only: Annotated[Number | None, doc("Only the line of this iteration, e.g. 90.")] = None
    skip_first: Annotated[Number | None, doc("Leave out so many lines at the beginning.")] = None
    count: Annotated[Count | None, doc("With skip_first: take so many lines after them.")] = None
    skip_fraction: Annotated[
        Share | None, doc("Leave out this share of the lines at the beginning, 0 to 1.")
    ] = None
    skip_first_per_epoch: Annotated[
        Number | None, doc("Leave out so many lines at each epoch's beginning.")
    ] = None
    all: Annotated[bool | None, doc("true: all lines.")] = None
    kind: Annotated[
        Literal["train", "val"],
        doc("Whether they are the lines of training steps or of evaluations."),
    ] = "train"

    def __post_init__(self) -> None:
        """Refuse none or several ways to say which lines. Raises ValueError."""
        ranged = self.first is not None or (self.last is not None and self.last is not True)
        complete = self.first is not None and isinstance(self.last, int)
        ways = [
            ranged,
            self.last is True,
            self.only is not None,
            self.skip_first is not None,
            self.skip_fraction is not None,
            self.skip_first_per_epoch is not None,
            bool(self.all),
        ]
        if sum(ways) != 1 or (ranged and not complete):
            raise ValueError(f"{ONE_WAY} {WAYS}")
        if self.count is not None and self.skip_first is None:
            raise ValueError("count goes with skip_first")


class PublishedRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a published number was made from a log; `unknown` where its publisher does not say.

    It says what they did, not what would be right: `mrbench parse LOG --rule` computes it beside
    mrbench's own number.
    """

    title: Annotated[str, doc("Whose number it is, e.g. torchtitan, Llama 3, 2024.")]
    source: Annotated[
        str, doc("Where the rule stands: repository, file, line and commit, or a URL.")
    ]
    lines: Annotated[
        Lines | Unknown,
        doc("Which lines count, e.g. {only: 90}, {first: 10, last: 30}, {all: true}."),
    ]
    of: Annotated[
        Of,
        doc(
            "Of which printed number: a rate (work per second), a time (seconds per iteration), or"
            " a clock (seconds since the beginning, on the last of the lines)."
        ),
    ]
    statistic: Annotated[
        Statistic,
        doc(
            "How several lines become one number. single: it is one line's. work_over_time: all"
            " their work by all their time. mean_of_epoch_means: each epoch counts as much as"
            " another."
        ),
    ]
    unit: Annotated[RuleUnit, doc("What is counted in a rate.")]
    per: Annotated[
        Literal["device", "job", "unknown"],
        doc("Whether the number is of one device or of the whole job."),
    ]
    excludes: Annotated[
        tuple[Excluded, ...],
        doc("What the trainer's own timer leaves out; empty: nothing is known of it."),
    ] = ()
    first_steps: Annotated[
        Count | None, doc("How many steps that is, where `excludes` has first_steps.")
    ] = None
    complete: Annotated[
        bool,
        doc(
            "Whether there is no number unless each iteration of the range has a line, and, where"
            " the pattern has a group iterations, the log reaches that many."
        ),
    ] = False
    work: Annotated[
        Literal["config_constant", "counted", "unknown"],
        doc(
            "Whether the work of an iteration is a constant of the configuration (padding"
            " included), or counted."
        ),
    ] = "unknown"
    value: Annotated[
        Literal["first", "second", "average", "max"],
        doc(
            "Which number of a pair counts, as of 246.7/238.1; groups value and second of the"
            " pattern."
        ),
    ] = "first"
    dedupe: Annotated[
        Literal["first", "last"] | None,
        doc("Which line of several with one iteration counts; default: each."),
    ] = None
    pattern: Annotated[
        str | None,
        doc(
            "Regular expression of a line with the groups iteration and value (and second, of a"
            " pair; epoch; iterations, how many the training is to have). Default: what the log's"
            " format finds."
        ),
    ] = None
    step_pattern: Annotated[
        str | None,
        doc(
            "Where the numbers of `pattern` stand on other lines than the iteration: regular"
            " expression of the line before them with the group iteration (epoch; iterations)."
        ),
    ] = None
    pattern_unit: Annotated[
        Literal["us", "ms", "s", "min", "h"],
        doc("Unit of the pattern's value where it is a time or a clock."),
    ] = "s"
    log: Annotated[
        LogFormat | None,
        doc("How mrbench itself measures such a log, as in a recipe. Default: detected."),
    ] = None
    notes: Annotated[str, doc("What else to know, in words.")] = ""


class RuleBook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of the rules that come with mrbench."""

    rules: Annotated[Mapping[str, PublishedRule], doc("Rules by their names.")]


class Effect(Struct, frozen=True, kw_only=True):
    """One reason why a number by a rule differs from ours; the factors of all multiply to it."""

    cause: Annotated[
        Literal[
            "compile",
            "dispatch",
            "evaluation",
            "pause",
            "statistic",
            "single_line",
            "lines",
            "timer",
            "clock",
            "window",
        ],
        doc(
            "compile: slow lines at the beginning. dispatch: lines that print less than a third of"
            " the usual time. evaluation: slow lines with an evaluation before them. pause: other"
            " slow lines. statistic: a mean of rates, a median or a maximum. single_line: one line"
            " for all. lines: which lines count. timer: what the trainer's timer leaves out. clock:"
            " printed times against time stamps. window: mrbench's window against the whole log."
        ),
    ]
    factor: Annotated[float, doc("What it multiplies the throughput by.")]
    text: Annotated[str, doc("It in words, with its figures.")]


class ByRule(Struct, frozen=True, kw_only=True):
    """What a rule makes of a log, beside work over time of the same log."""

    rule: Annotated[str, doc("Name of the rule, or its file.")]
    title: Annotated[str, doc("Whose number it is.")]
    number: Annotated[float | None, doc("Their number, in `unit`; null: reason says why.")] = None
    unit: Annotated[str, doc("Its unit, e.g. tokens/s per device, s per step.")] = ""
    reason: Annotated[str, doc("Why there is no number; else empty.")] = ""
    lines: Annotated[int, doc("Number of lines that it is made of.")] = 0
    first: Annotated[int | None, doc("The first of them, as the log prints it.")] = None
    last: Annotated[int | None, doc("The last of them.")] = None
    whole_log: Annotated[
        float | None, doc("Work over time from the log's first iteration to its last, in `unit`.")
    ] = None
    difference: Annotated[
        float | None, doc("Throughput by the rule by that of the whole log, minus 1.")
    ] = None
    ours: Annotated[float | None, doc("mrbench's own number over its window, in `unit`.")] = None
    ours_first: Annotated[
        int | None, doc("First iteration of mrbench's window, counted from 1.")
    ] = None
    ours_last: Annotated[int | None, doc("Last iteration of it.")] = None
    difference_to_ours: Annotated[
        float | None, doc("Throughput by the rule by mrbench's own, minus 1.")
    ] = None
    effects: Annotated[
        tuple[Effect, ...], doc("Where the difference to the whole log comes from, by its causes.")
    ] = ()
    published: Annotated[float | None, doc("The number that was published, where it is given.")] = (
        None
    )
    notes: Annotated[tuple[str, ...], doc("What else to know.")] = ()
