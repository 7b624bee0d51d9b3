"""Trains the detector: python train.py --data DIR --output DIR [--devices N] ..."""

import argparse
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dataset
from layers import Parameters
from model import make_parameters, parameter_count
from report import Report, no_one, say
from settings import Settings
from step import copy_to_all, learning_rate, make_mesh, make_step, place

LARGEST_STRIDE = max(Settings.strides)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with COCO-format data")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--devices", type=int, default=1, help="GPUs, or virtual CPU devices")
    parser.add_argument("--processes", type=int, default=1, help="that share the devices evenly")
    parser.add_argument("--process", type=int, default=0, help="this one's number, from 0")
    parser.add_argument("--coordinator", help="HOST:PORT where process 0 is found by the others")
    parser.add_argument("--images-per-device", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=520)
    parser.add_argument("--log-every", type=int, default=20, help="iterations per line of the log")
    parser.add_argument("--checkpoint-every", type=int, default=250, help="iterations")
    parser.add_argument("--learning-rate", type=float, default=0.0025, help="per image of a batch")
    parser.add_argument(
        "--width", type=int, default=Settings.width, help="pixels, a multiple of 16"
    )
    parser.add_argument("--height", type=int, default=Settings.height, help="as --width")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", type=Path, help="file for the true time of every iteration")
    return parser.parse_args()


def train(args: argparse.Namespace) -> None:
    """Train from the first iteration to the last, and save the weights."""
    settings = Settings(width=args.width, height=args.height)
    mesh = make_mesh(args.devices)
    per_iteration = args.images_per_device * args.devices
    images = dataset.read(args.data)
    share = dataset.Share(args.process, args.processes)
    batches = dataset.make_batches(
        images, per_iteration, args.iterations, args.seed, settings, share
    )
    parameters = copy_to_all(make_parameters(settings, args.seed), mesh)
    velocity = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    step = make_step(settings, mesh)
    first = args.process == 0
    say_all = say if first else no_one
    say_all(
        f"minimask: {args.devices} x {mesh.devices[0].device_kind}, {per_iteration} images per"
        f" iteration of {settings.width}x{settings.height}, {len(images.entries)} images,"
        f" {parameter_count(parameters)} parameters"
    )
    source = dataset.in_background(batches)
    began = time.monotonic()
    truth = args.truth if first else None
    with Report(began, args.iterations, args.log_every, truth, say_all) as report:
        for iteration in range(1, args.iterations + 1):
            asked = time.monotonic()
            batch = place(next(source), mesh)
            waited = time.monotonic() - asked
            rate = learning_rate(iteration, args.learning_rate * per_iteration)
            parameters, velocity, parts = step(parameters, velocity, batch, rate)
            losses = np.asarray(parts.block_until_ready())
            report.add(iteration, time.monotonic(), waited, losses, rate)
            if first and iteration % args.checkpoint_every == 0:
                save(args.output / f"checkpoint-{iteration}.npz", parameters)
    say_all(f"training finished: {args.iterations} iterations in {time.monotonic() - began:.1f} s")
    if first:
        save(args.output / "checkpoint-final.npz", parameters)


def save(path: Path, parameters: Parameters) -> None:
    """Write the weights as numpy arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in parameters.items()}
    np.savez(path, **arrays)


def main() -> None:
    """Choose the devices before JAX looks at them, then train."""
    args = parse_arguments()
    if args.devices < 1:
        raise SystemExit(f"--devices {args.devices}: at least 1")
    if args.processes < 1 or args.devices % args.processes:
        raise SystemExit(f"--processes {args.processes}: must divide --devices")
    jax.config.update("jax_num_cpu_devices", args.devices // args.processes)
    if args.processes > 1:
        jax.distributed.initialize(args.coordinator, args.processes, args.process)
    if len(jax.devices()) < args.devices:
        raise SystemExit(f"--devices {args.devices}: JAX finds only {len(jax.devices())}")
    if args.width % LARGEST_STRIDE or args.height % LARGEST_STRIDE:
        raise SystemExit(f"--width and --height must be multiples of {LARGEST_STRIDE}")
    train(args)


if __name__ == "__main__":
    main()
