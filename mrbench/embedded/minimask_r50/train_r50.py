"""Trains R-50-FPN Mask R-CNN: python train_r50.py --data DIR --output DIR [--devices N] ..."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh

import canvas
import dataset
from detector import Batch, losses, make_parameters
from layers import Parameters
from report import Report, no_one, say
from scale import Scale
from step import EVERYWHERE, SPLIT, copy_to_all, make_mesh, place

MOMENTUM, WEIGHT_DECAY, LARGEST_GRADIENT = 0.9, 1e-4, 5.0
WARM_UP, WARM_UP_FROM = 1000, 0.001  # iterations, and the share of the rate at their beginning
PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32"}
Step = Callable[..., tuple[Parameters, Parameters, jax.Array]]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with COCO-format data")
    add("--output", type=Path, required=True, help="folder for the weights, written at the end")
    add("--devices", type=int, default=1, help="GPUs, or virtual CPU devices")
    add("--processes", type=int, default=1, help="that share the devices evenly")
    add("--process", type=int, default=0, help="this one's number, from 0")
    add("--coordinator", help="HOST:PORT where process 0 is found by the others")
    add("--images-per-device", type=int, default=2)
    add("--iterations", type=int, default=90000)
    add("--log-every", type=int, default=20, help="iterations per line of the log")
    add("--learning-rate", type=float, default=0.02, help="after the warm-up")
    add("--workers", type=int, default=4, help="threads that read images")
    add("--precision", choices=PRECISIONS, default="float32", help="of products of float32")
    add("--short-side", type=int, default=Scale.short_side, help="of the resized image, pixels")
    add("--long-side", type=int, default=Scale.long_side, help="at most, pixels")
    add("--candidates", type=int, default=Scale.rpn_candidates, help="boxes of a level")
    add("--proposals", type=int, default=Scale.proposals, help="of an image, after suppression")
    add("--regions", type=int, default=Scale.regions, help="sampled per image")
    add("--seed", type=int, default=0)
    return parser.parse_args()


def learning_rate(iteration: int, full: float) -> float:
    """Return the rate of an iteration (from 1): a straight line up to all of `full`."""
    done = min((iteration - 1) / WARM_UP, 1.0)
    return full * (WARM_UP_FROM * (1 - done) + done)


def make_step(scale: Scale, mesh: Mesh) -> Step:
    """Return the step: (learnt, velocity, constants, batch, rate) -> new ones, losses (3,)."""

    def total(p: Parameters, constants: Parameters, batch: Batch) -> tuple[jax.Array, jax.Array]:
        parts = losses(p, constants, batch, scale)
        return parts.sum(), parts

    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(EVERYWHERE, EVERYWHERE, SPLIT),
        out_specs=(EVERYWHERE, EVERYWHERE),
        check_vma=False,  # the mean over devices is written out below
    )
    def gradients(
        p: Parameters, constants: Parameters, batch: Batch
    ) -> tuple[Parameters, jax.Array]:
        own = jax.grad(total, has_aux=True)(p, constants, batch)
        mean: tuple[Parameters, jax.Array] = lax.pmean(own, "devices")
        return mean

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(
        p: Parameters, velocity: Parameters, constants: Parameters, batch: Batch, rate: float
    ) -> tuple[Parameters, Parameters, jax.Array]:
        found, parts = gradients(p, constants, batch)
        length = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in found.values()))
        shrink = jnp.minimum(1.0, LARGEST_GRADIENT / jnp.maximum(length, 1e-6))
        velocity = {
            name: MOMENTUM * velocity[name] + gradient * shrink + WEIGHT_DECAY * p[name]
            for name, gradient in found.items()
        }
        return {name: p[name] - rate * velocity[name] for name in p}, velocity, parts

    return step


def empty_batch(size: int, scale: Scale, *, wide: bool) -> dict[str, np.ndarray]:
    """Return a batch of images without objects, to compile for."""
    count, side = scale.max_objects, scale.stored_mask
    return {
        "images": np.zeros((size, *scale.canvas(wide=wide), 3), np.uint8),
        "boxes": np.zeros((size, count, 4), np.float32),
        "classes": np.zeros((size, count), np.int32),
        "masks": np.zeros((size, count, side, side), np.uint8),
        "lots": np.zeros(size, np.int32),
    }


def train(args: argparse.Namespace) -> None:
    """Train from the first iteration to the last, and save the weights."""
    scale = Scale(
        short_side=args.short_side,
        long_side=args.long_side,
        rpn_candidates=args.candidates,
        proposals=args.proposals,
        regions=args.regions,
        positive_regions=max(args.regions // 4, 1),
    )
    mesh = make_mesh(args.devices)
    per_iteration = args.images_per_device * args.devices
    images = dataset.read(args.data)
    share = dataset.Share(args.process, args.processes)
    learnt, constants = (copy_to_all(p, mesh) for p in make_parameters(scale, args.seed))
    velocity = {name: jnp.zeros_like(value) for name, value in learnt.items()}
    say_all = say if args.process == 0 else no_one
    count = sum(int(np.prod(x.shape)) for x in learnt.values())
    say_all(
        f"minimask r50: {args.devices} x {mesh.devices[0].device_kind}, {per_iteration} images per"
        f" iteration of {scale.short_side}/{scale.long_side}, {args.precision},"
        f" {len(images.entries)} images, {count} parameters"
    )
    began = time.monotonic()
    step, rate = make_step(scale, mesh), jnp.float32(0)
    compiled: dict[Any, Any] = {}  # by the shape of a batch, before the first one is trained on
    for wide in {canvas.is_wide(entry) for entry in images.entries}:
        empty = place(empty_batch(per_iteration // args.processes, scale, wide=wide), mesh)
        made = step.lower(learnt, velocity, constants, empty, rate).compile()  # type: ignore[attr-defined]
        compiled[empty["images"].shape] = made
    say_all(f"compiled for {len(compiled)} shapes in {time.monotonic() - began:.1f} s")
    source = canvas.batches(images, per_iteration, args.seed, scale, share, args.workers)
    with Report(time.monotonic(), args.iterations, args.log_every, None, say_all) as report:
        for iteration in range(1, args.iterations + 1):
            asked = time.monotonic()
            batch = place(next(source), mesh)
            waited = time.monotonic() - asked
            rate = jnp.float32(learning_rate(iteration, args.learning_rate))
            learnt, velocity, parts = compiled[batch["images"].shape](
                learnt, velocity, constants, batch, rate
            )
            now = np.asarray(parts.block_until_ready())
            report.add(iteration, time.monotonic(), waited, now, float(rate))
    say_all(f"training finished: {args.iterations} iterations in {time.monotonic() - began:.1f} s")
    if args.process == 0:
        args.output.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in learnt.items()}
        np.savez(args.output / "weights.npz", **arrays)


def main() -> None:
    """Choose devices and precision before JAX looks at them, then train."""
    args = parse_arguments()
    if args.devices < 1:
        raise SystemExit(f"--devices {args.devices}: at least 1")
    if args.processes < 1 or args.devices % args.processes:
        raise SystemExit(f"--processes {args.processes}: must divide --devices")
    jax.config.update("jax_num_cpu_devices", args.devices // args.processes)
    jax.config.update("jax_default_matmul_precision", PRECISIONS[args.precision])
    if args.processes > 1:
        jax.distributed.initialize(args.coordinator, args.processes, args.process)
    if len(jax.devices()) < args.devices:
        raise SystemExit(f"--devices {args.devices}: JAX finds only {len(jax.devices())}")
    train(args)


if __name__ == "__main__":
    main()
