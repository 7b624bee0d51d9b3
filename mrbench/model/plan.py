"""The plan: a recipe and the command line, resolved into everything that a run will do; no I/O."""

import hashlib
import json

import msgspec

from mrbench.model.recipe import (
    Adaptation,
    Dataset,
    Environment,
    LogFormat,
    Source,
    WeightsFile,
    Window,
)

FORMAT = 3


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything resolved but this machine's paths, which stay placeholders; plan.json."""

    format: int
    suite: str
    implementation: str
    title: str
    framework: str
    pinned: bool
    source: Source
    patch_sha256: dict[str, str]
    adaptation: Adaptation | None
    environment: Environment
    lock_sha256: str | None
    data: Dataset | None
    weights: tuple[WeightsFile, ...]
    starts_from: str
    directory: str
    command: tuple[str, ...]
    variables: dict[str, str]
    shell: bool
    terminal: bool
    accelerator: str
    gpus: int
    images_per_gpu: int
    images_per_iteration: int
    learning_rate: float | None
    precision: str
    image_size: str | None
    window: Window
    log: LogFormat
    stop: str
    wall_clock_limit_s: float
    stall_limit_s: float
    nodes: int = 1
    on_each_node: bool = False  # several nodes: the command is run on each of them

    def canonical(self) -> str:
        """Return the plan as one JSON text, the same on every machine."""
        content = msgspec.to_builtins(self)
        if self.nodes == 1:  # as the text was before there were more, and hence the digest
            del content["nodes"], content["on_each_node"]
        return json.dumps(content, sort_keys=True, indent=1) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical text: equal digests plan the same run."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
