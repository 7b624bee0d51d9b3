"""One step of SGD with momentum, the same on every device: gradients are meaned over all."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from layers import Parameters
from model import Batch, losses
from settings import Settings

MOMENTUM, WEIGHT_DECAY, LARGEST_GRADIENT = 0.9, 1e-4, 5.0
WARM_UP_ITERATIONS, WARM_UP_FROM = 100, 0.1
EVERYWHERE, SPLIT = PartitionSpec(), PartitionSpec("devices")

Step = Callable[[Parameters, Parameters, Batch, float], tuple[Parameters, Parameters, jax.Array]]


def learning_rate(iteration: int, base: float) -> float:
    """Rise linearly over the first iterations (1-based), then stay."""
    share = min(iteration / WARM_UP_ITERATIONS, 1.0)
    return base * (WARM_UP_FROM + (1 - WARM_UP_FROM) * share)


def make_mesh(count: int) -> Mesh:
    """Return the first `count` devices in a row."""
    return Mesh(np.array(jax.devices()[:count]), ("devices",))


def place(batch: dict[str, np.ndarray], mesh: Mesh) -> Batch:
    """Hand each device its share of the images; a process has those of its own devices only."""
    sharding = NamedSharding(mesh, SPLIT)
    if jax.process_count() > 1:
        return {n: jax.make_array_from_process_local_data(sharding, x) for n, x in batch.items()}
    placed: Batch = jax.device_put(batch, sharding)
    return placed


def copy_to_all(p: Parameters, mesh: Mesh) -> Parameters:
    """Hand each device all of the parameters."""
    copied: Parameters = jax.device_put(p, NamedSharding(mesh, EVERYWHERE))
    return copied


def make_step(settings: Settings, mesh: Mesh) -> Step:
    """Return the jitted step: (parameters, velocity, batch, rate) -> new ones, and losses (3,)."""

    def total(p: Parameters, batch: Batch) -> tuple[jax.Array, jax.Array]:
        parts = losses(p, batch, settings)
        return parts.sum(), parts

    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(EVERYWHERE, SPLIT),
        out_specs=(EVERYWHERE, EVERYWHERE),
        check_vma=False,  # the mean over devices is written out below
    )
    def gradients(p: Parameters, batch: Batch) -> tuple[Parameters, jax.Array]:
        own = jax.grad(total, has_aux=True)(p, batch)
        mean: tuple[Parameters, jax.Array] = lax.pmean(own, "devices")
        return mean

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(
        p: Parameters, velocity: Parameters, batch: Batch, rate: float
    ) -> tuple[Parameters, Parameters, jax.Array]:
        found, parts = gradients(p, batch)
        length = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in found.values()))
        shrink = jnp.minimum(1.0, LARGEST_GRADIENT / jnp.maximum(length, 1e-6))
        for name, gradient in found.items():
            decayed = gradient * shrink + WEIGHT_DECAY * p[name]
            velocity[name] = MOMENTUM * velocity[name] + decayed
        p = {name: p[name] - rate * velocity[name] for name in p}
        return p, velocity, parts

    return step
