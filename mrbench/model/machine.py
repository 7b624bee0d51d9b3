"""A machine that trains, as a run's record describes it; no I/O."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta


class MachineGpu(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU of the machine."""

    name: Annotated[str | None, Meta(description="Product name.")] = None
    uuid: Annotated[str | None, Meta(description="NVIDIA's identifier.")] = None
    memory_bytes: Annotated[int | None, Meta(description="Memory in bytes.")] = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that trains; what cannot be known is null, never zero."""

    host: Annotated[str | None, Meta(description="Host name.")] = None
    mrbench: Annotated[str | None, Meta(description="Version of mrbench there.")] = None
    python: Annotated[str | None, Meta(description="Version of mrbench's Python there.")] = None
    system: Annotated[str | None, Meta(description="Operating system and C library.")] = None
    cpu: Annotated[str | None, Meta(description="Processor's name.")] = None
    cpu_count: Annotated[int | None, Meta(description="Logical processors.")] = None
    cpus_usable: Annotated[int | None, Meta(description="Those that mrbench may use.")] = None
    cpu_quota_cores: Annotated[
        float | None, Meta(description="How many its control group lets it use; null: all.")
    ] = None
    memory_bytes: Annotated[int | None, Meta(description="Main memory in bytes.")] = None
    load_average_1min: Annotated[
        float | None, Meta(description="Load average over a minute, at the start.")
    ] = None
    gpus: Annotated[tuple[MachineGpu, ...], Meta(description="All GPUs of the machine.")] = ()
    gpu_error: Annotated[str | None, Meta(description="Why GPUs could not be listed.")] = None
    gpu_driver: Annotated[str | None, Meta(description="Version of the GPUs' driver.")] = None
    variables: Annotated[
        Mapping[str, str],
        Meta(
            description="Environment variables of the caller that the training was given; secrets"
            " are masked."
        ),
    ] = {}
    not_passed: Annotated[
        tuple[str, ...] | None,
        Meta(description="Names of those that it was not given and that would change it."),
    ] = None
