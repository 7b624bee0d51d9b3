"""A machine that trains, as a run's record describes it; no I/O."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from mrbench.model.doc import doc


class MachineGpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU of the machine."""

    name: Annotated[str | None, doc("Product name.")] = None
    uuid: Annotated[str | None, doc("NVIDIA's identifier.")] = None
    memory_bytes: Annotated[int | None, doc("Memory in bytes.")] = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that trains; what cannot be known is null, never zero."""

    host: Annotated[str | None, doc("Host name.")] = None
    mrbench: Annotated[str | None, doc("Version of mrbench there.")] = None
    python: Annotated[str | None, doc("Version of mrbench's Python there.")] = None
    system: Annotated[str | None, doc("Operating system and C library.")] = None
    cpu: Annotated[str | None, doc("Processor's name.")] = None
    cpu_count: Annotated[int | None, doc("Logical processors.")] = None
    cpus_usable: Annotated[int | None, doc("Those that mrbench may use.")] = None
    cpu_quota_cores: Annotated[
        float | None, doc("How many its control group lets it use; null: all.")
    ] = None
    memory_bytes: Annotated[int | None, doc("Main memory in bytes.")] = None
    load_average_1min: Annotated[float | None, doc("Load average over a minute, at the start.")] = (
        None
    )
    gpus: Annotated[tuple[MachineGpu, ...], doc("All GPUs of the machine.")] = ()
    gpu_error: Annotated[str | None, doc("Why GPUs could not be listed.")] = None
    gpu_driver: Annotated[str | None, doc("Version of the GPUs' driver.")] = None
    variables: Annotated[
        Mapping[str, str],
        doc("Environment variables of the caller that the training was given; secrets are masked."),
    ] = {}
    not_passed: Annotated[
        tuple[str, ...] | None,
        doc("Names of those that it was not given and that would change it."),
    ] = None
