"""The nouns of what is asked for: recipes, as their YAML files state them; no I/O.

A recipe's YAML keys are the field names of these types. Loader and JSON Schema are made from them:
`description` is what editors show, and a bound here is a bound in both.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from mrbench.model.dataset import Dataset
from mrbench.model.doc import doc
from mrbench.model.inputs import (
    PROBLEM,
    Command,
    Count,
    Environment,
    Seconds,
    Source,
    Substitution,
    Tree,
    Value,
    VariableName,
    WeightsFile,
    Window,
    Words,
)
from mrbench.model.logformat import LogFormat
from mrbench.model.parameters import Parameter
from mrbench.model.workload import Workload

# of https://spdx.org/licenses
_SPDX = ("is no SPDX expression", "write it as Apache-2.0, or MIT AND BSD-3-Clause")
Licence = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*( (AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.+-]*)*$",
        max_length=200,
        extra={PROBLEM: _SPDX},
    ),
]


class MultiNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to start a training over several nodes of a cluster."""

    command: Annotated[
        Command,
        doc(
            "Command to train on several nodes. {nodes}, {gpus_per_node}, {node_rank},"
            " {master_address} and {master_port} are filled in, too; {gpus} counts all nodes."
        ),
    ]
    start: Annotated[
        Literal["each_node", "once"],
        doc(
            "each_node: run it on every node. once: run it on the first node, from where it reaches"
            " the others itself, as mpirun does."
        ),
    ] = "each_node"


class Launch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The training command and its limits."""

    LATER: ClassVar[Mapping[str, Any]] = {"inherit": (), "iterations": None}

    command: Annotated[
        Command,
        doc(
            "Command that trains: a list of words, or one line. Filled in: {python}, {checkout},"
            " {output}, {data}, {weights}, {gpus}, {per_device}, {sequence_length}, {accumulation},"
            " {work_per_iteration}, {learning_rate}, {port}."
        ),
    ]
    directory: Annotated[str, doc("Folder of the checkout to run the command in, e.g. tools.")] = (
        "."
    )
    variables: Annotated[
        Mapping[str, Value],
        doc(
            "Environment variables of the training, e.g. {OMP_NUM_THREADS: 2}. The command's"
            " placeholders are filled in here as well."
        ),
    ] = {}
    iterations: Annotated[
        Count | None,
        doc(
            "Iterations after which the training ends by itself, e.g. 5000; a window that reaches"
            " beyond is refused. Default: unknown."
        ),
    ] = None
    inherit: Annotated[
        tuple[VariableName, ...],
        doc(
            "Further variables of the caller's environment that the training gets, by name, e.g."
            " [WANDB_MODE]; a * at the end stands for any ending. They are recorded."
        ),
    ] = ()
    multi_node: Annotated[
        MultiNode | None, doc("How to train on several nodes. Default: it cannot.")
    ] = None
    shell: Annotated[bool, doc("Whether bash runs the command, e.g. for pipes.")] = False
    terminal: Annotated[
        bool, doc("Whether the training gets a terminal, for programs that need one.")
    ] = False
    wall_clock_limit_s: Annotated[Seconds, doc("Seconds after which the training is ended.")] = (
        7200.0
    )
    stall_limit_s: Annotated[
        Seconds, doc("Seconds without any output after which the training is ended.")
    ] = 1800.0


class OtherGpus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train on another number of GPUs than the suite's, and which numbers work."""

    arguments: Annotated[
        Words,
        doc(
            "Arguments to add to the command for another number of GPUs, e.g. SOLVER.IMS_PER_BATCH"
            " {work_per_iteration}."
        ),
    ] = ()
    substitutions: Annotated[
        tuple[Substitution, ...],
        doc("Literal replacements to make for another number of GPUs; placeholders are filled in."),
    ] = ()
    allowed: Annotated[
        tuple[Count, ...], doc("Numbers of GPUs that work, e.g. [1, 2, 4]. Default: any number.")
    ] = ()
    multiples_of: Annotated[
        Count | None, doc("Multiples of this number of GPUs work as well, e.g. 8.")
    ] = None


class RandomWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train without the pretrained weights: what --weights random changes."""

    substitutions: Annotated[
        tuple[Substitution, ...],
        doc(
            "Literal replacements to make for it after the source's, e.g. of how random weights are"
            " drawn."
        ),
    ] = ()
    tree: Annotated[
        Tree | None, doc("Git tree id that the checkout must have once these are made.")
    ] = None
    arguments: Annotated[
        Words,
        doc("Arguments to add to the command, e.g. --random-backbone. Placeholders are filled in."),
    ] = ()
    variables: Annotated[
        Mapping[str, Value],
        doc("Environment variables to set for it, beside or instead of launch's."),
    ] = {}
    learning_rate_per_image: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        doc(
            "Learning rate per image of the batch, where the workload's would let the losses of an"
            " untrained network diverge. Default: the workload's."
        ),
    ] = None
    notes: Annotated[
        str,
        doc(
            "What else the training then does differently, and why, in one sentence; tables have it"
            " below the row."
        ),
    ] = ""


class Guards(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What keeps the window clean, in words: why each argument or patch line is there."""

    evaluation: Annotated[str, doc("What keeps the training from evaluating inside the window.")]
    checkpoint: Annotated[str, doc("What keeps the training from saving inside the window.")]
    resume: Annotated[str, doc("What keeps the training from resuming an old run.")]
    stop: Annotated[str, doc("How the training ends once the window is complete.")]


class Adaptation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a suite changes on top of the source's own patches."""

    reason: Annotated[str, doc("Why the suite changes the implementation at all.")]
    patches: Annotated[
        Words, doc("More patches to apply, after the source's: paths below patches/.")
    ] = ()
    stand_ins: Annotated[
        Mapping[str, str],
        doc("Operators that are not upstream's: name, then what does their work instead."),
    ] = {}


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A log of this training, and the throughput that `mrbench check` must read from it."""

    log: Annotated[
        str,
        doc(
            "The log, plain or gzip: a path beside the recipe; for recipes that mrbench carries"
            " below tests/, e.g. logs/detectron2-2019.log."
        ),
    ]
    throughput: Annotated[
        float, Meta(gt=0, description="Throughput that the log shows, worked out by hand.")
    ]
    origin: Annotated[
        str, doc("What ran where, and how the number was found without mrbench, in words.")
    ]
    window: Annotated[Window | None, doc("Window of that training. Default: the suite's.")] = None
    work_per_iteration: Annotated[
        Count | None, doc("Work per iteration of that training. Default: the recipe's.")
    ] = None


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One implementation, as its YAML pins it."""

    LATER: ClassVar[Mapping[str, Any]] = {"parameters": {}, "random_weights": None, "licence": ""}

    title: Annotated[str, doc("Name to show in tables, e.g. detectron2.")]
    framework: Annotated[str, doc("Deep learning framework, e.g. PyTorch.")]
    licence: Annotated[
        Licence,
        doc(
            "Licence of the project that is trained, as an SPDX expression, e.g. Apache-2.0; of"
            " several parts the one with the model and its training. Shown in lists, below tables"
            " and in reports. Default: unknown."
        ),
    ] = ""
    source: Annotated[Source, doc("Code to train: a repository at one commit.")]
    environment: Annotated[Environment, doc("Python interpreter and libraries to train with.")]
    workload: Annotated[Workload, doc("What one iteration is: images, precision, image size.")]
    launch: Annotated[Launch, doc("Training command, its variables and limits.")]
    log: Annotated[LogFormat, doc("How to parse the training's log.")]
    guards: Annotated[Guards, doc("What keeps the window clean, in words.")]
    data: Annotated[Dataset | None, doc("Dataset to train on. Default: it needs none.")] = None
    weights: Annotated[
        tuple[WeightsFile, ...], doc("Files of pretrained weights that the training starts from.")
    ] = ()
    starts_from: Annotated[
        str,
        doc("What the training starts from if not from `weights`, in words, e.g. random weights."),
    ] = ""
    random_weights: Annotated[
        RandomWeights | None,
        doc(
            "How to train without `weights`, for --weights random. Default: it cannot, unless it"
            " has none anyway."
        ),
    ] = None
    adaptation: Annotated[
        Adaptation | None, doc("What the suite changes on top of the source's own patches.")
    ] = None
    parameters: Annotated[
        Mapping[str, Parameter],
        doc(
            "What --set may change, by name, e.g. {batch: {default: 2}}. In any value of the recipe"
            ' {NAME} stands for the parameter; in quotes where it stands alone: "{batch}".'
        ),
    ] = {}
    other_gpus: Annotated[
        OtherGpus, doc("How to train on another number of GPUs than the suite's.")
    ] = OtherGpus()
    sample: Annotated[
        Sample | None, doc("A log of this training with a known throughput, for `mrbench check`.")
    ] = None
    software: Annotated[
        Mapping[str, Value],
        doc("Versions for the table's columns, e.g. {CUDA: 10.0, PyTorch: 1.3.0}."),
    ] = {}
    notes: Annotated[
        str, doc("What to know about this implementation and its number, in words.")
    ] = ""
