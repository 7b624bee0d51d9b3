"""The plan of a run: a recipe and the command line, resolved into all that the run will do."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from mrbench.model.dataset import Dataset
from mrbench.model.doc import doc
from mrbench.model.inputs import Count, Environment, Seconds, Source, WeightsFile, Window
from mrbench.model.later import as_ever
from mrbench.model.logformat import LogFormat
from mrbench.model.mfu import Flops
from mrbench.model.parameters import ENVIRONMENT, OWN, PlannedParameter, changed, settings
from mrbench.model.recipe import Adaptation
from mrbench.model.suite import Accelerator
from mrbench.model.work import Unit
from mrbench.model.workload import Iteration

FORMAT = 4
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything resolved but this machine's paths, which stay placeholders; plan.json."""

    LATER: ClassVar[Mapping[str, Any]] = {
        "inherit": (),
        "flops": None,
        "unit": "images",
        "sequence_length": None,
        "accumulation": 1,
        "iteration": "step",
        "parameters": {},
    }

    format: Annotated[int, doc(f"Version of this format, {FORMAT} today.")]
    suite: Annotated[str, doc("Name of the suite, e.g. 2019.")]
    implementation: Annotated[str, doc("Name of the recipe, e.g. detectron2.")]
    title: Annotated[str, doc("Name to show in tables.")]
    framework: Annotated[str, doc("Deep learning framework, e.g. PyTorch.")]
    pinned: Annotated[bool, doc("Whether it trains the recipe's own commit; false with --commit.")]
    source: Annotated[
        Source, doc("Code to train. No tree where --commit or --gpus change the source.")
    ]
    patch_sha256: Annotated[Mapping[str, Sha256], doc("SHA-256 of each patch file, by name.")]
    adaptation: Annotated[
        Adaptation | None, doc("What the suite changes on top of the source's own patches.")
    ]
    environment: Annotated[Environment, doc("Python interpreter and libraries to train with.")]
    lock_sha256: Annotated[Sha256 | None, doc("SHA-256 of the lock file, if any.")]
    data: Annotated[Dataset | None, doc("Dataset to train on, if any.")]
    weights: Annotated[tuple[WeightsFile, ...], doc("Files of pretrained weights to start from.")]
    starts_from: Annotated[str, doc("What the training starts from if not from weights, in words.")]
    directory: Annotated[str, doc("Folder of the checkout that the command is run in.")]
    command: Annotated[tuple[str, ...], doc("Training command; paths are still placeholders.")]
    variables: Annotated[
        Mapping[str, str],
        doc("Environment variables of the training; paths are still placeholders."),
    ]
    shell: Annotated[bool, doc("Whether bash runs the command.")]
    terminal: Annotated[bool, doc("Whether the training gets a terminal.")]
    accelerator: Annotated[Accelerator, doc("What trains: gpu or cpu.")]
    gpus: Annotated[Count, doc("Number of GPUs (or CPU devices) of all nodes together.")]
    unit: Annotated[Unit, doc("What the throughput counts.")] = "images"
    per_device: Annotated[Count, doc("Images (samples, sequences) of one GPU in one batch.")]
    work_per_iteration: Annotated[Count, doc("Work of all GPUs in one iteration, in the unit.")]
    sequence_length: Annotated[Count | None, doc("Tokens of one sequence.")] = None
    accumulation: Annotated[
        Count, doc("Batches whose gradients are added up for one optimizer step.")
    ] = 1
    iteration: Annotated[Iteration, doc("What the log counts: optimizer steps, or batches.")] = (
        "step"
    )
    learning_rate: Annotated[
        float | None, doc("Learning rate, if the recipe derives it from the batch.")
    ]
    precision: Annotated[str, doc("Number format of the training, e.g. float32.")]
    image_size: Annotated[
        str | None, doc("Pixels of an image's shorter and longer side at most, e.g. 800/1333.")
    ]
    window: Annotated[Window, doc("Iterations to measure.")]
    log: Annotated[LogFormat, doc("How to parse the log, with all that its format implies.")]
    stop: Annotated[str, doc("How the training ends once the window is complete.")]
    wall_clock_limit_s: Annotated[Seconds, doc("Seconds after which the training is ended.")]
    stall_limit_s: Annotated[
        Seconds, doc("Seconds without output after which the training is ended.")
    ]
    nodes: Annotated[Count, doc("Number of nodes that train together.")] = 1
    on_each_node: Annotated[
        bool, doc("Several nodes: whether the command is run on each, not on the first.")
    ] = False

    inherit: Annotated[
        tuple[str, ...], doc("Further variables of the caller's that the training gets, by name.")
    ] = ()
    flops: Annotated[
        Flops | None, doc("Floating-point operations for one unit of work, which MFU needs.")
    ] = None
    parameters: Annotated[
        Mapping[str, PlannedParameter],
        doc(
            "The recipe's parameters with the values that this plan gives them; data and weights"
            " where --data synthetic or --weights random took their place."
        ),
    ] = {}

    @property
    def own_environment(self) -> bool:
        """Whether an interpreter of the user's trains in place of the recipe's environment."""
        chosen = self.parameters.get(ENVIRONMENT)
        return chosen is not None and chosen.value == OWN

    @property
    def rated_work(self) -> int:
        """Work of one iteration behind a rate that the log prints: of all devices, or of one."""
        if self.log.per == "device":
            return max(1, self.work_per_iteration // self.gpus)
        return self.work_per_iteration

    def plain(self) -> dict[str, object]:
        """Return the plan as JSON holds it."""
        content = as_ever(self)
        if self.nodes == 1:
            del content["nodes"], content["on_each_node"]
        return content

    def canonical(self) -> str:
        """Return the plan as one JSON text, the same on every machine."""
        return json.dumps(self.plain(), sort_keys=True, indent=1) + "\n"

    @property
    def samples_per_iteration(self) -> int:
        """Samples (images, sequences) of all devices in one iteration."""
        tokens = self.sequence_length if self.unit == "tokens" else None
        return self.work_per_iteration // (tokens or 1)

    @property
    def settings(self) -> str:
        """The parameters that have another value than their default, as `batch=4 width=256`."""
        return settings(changed(self.parameters))

    @property
    def label(self) -> str:
        """What people are shown: the implementation, and its settings if it has any."""
        return f"{self.implementation} {self.settings}".rstrip()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical text: equal digests plan the same run."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
