"""Trains RF-DETR with its own package: python with_rfdetr.py ...; see README.md."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from rfdetr.config import (
    RFDETRBaseConfig,
    RFDETRSegMediumConfig,
    RFDETRSegNanoConfig,
    SegmentationTrainConfig,
)
from rfdetr.training import RFDETRDataModule, RFDETRModelModule, build_trainer

from options import parse
from workload import Workload, full_precision, say, understood

if TYPE_CHECKING:
    from argparse import Namespace

RANKS = int(os.environ.get("WORLD_SIZE", "1"))  # set by torch.distributed's launcher
MODELS = {"seg-nano": RFDETRSegNanoConfig, "seg-medium": RFDETRSegMediumConfig}
SMALL: dict[str, Any] = {"group_detr": 1, "num_queries": 30, "num_select": 30, "dec_layers": 2}
LABELS = 90  # as its own models count COCO's categories
AMP = {"float32": None, "tf32": None, "bfloat16": "bf16"}


def model(options: Namespace) -> RFDETRBaseConfig:
    """Return the model's configuration: random weights, the backbone's too."""
    sizes = dict(SMALL) if options.small else {}
    if options.size:
        sizes["resolution"] = options.size
    return MODELS[options.model](
        pretrain_weights=None,
        num_classes=LABELS,
        device=options.device,
        compile=options.compile,
        **sizes,
    )


def training(options: Namespace) -> SegmentationTrainConfig:
    """Return the training's: no other image sizes, no averaged weights, nothing sent."""
    return SegmentationTrainConfig(
        dataset_dir=str(options.data),
        dataset_file="coco",
        output_dir=str(options.output),
        batch_size=options.images,
        grad_accum_steps=1,
        epochs=1000,
        lr=options.learning_rate,
        lr_encoder=options.learning_rate,
        num_workers=options.workers,
        amp_dtype=AMP[options.precision],
        multi_scale=False,
        expanded_scales=False,
        scale_jitter=False,
        use_ema=False,
        progress_bar="tqdm",
        tensorboard=False,
        devices=RANKS,
        strategy="ddp" if RANKS > 1 else "auto",
        seed=options.seed,
    )


def main() -> None:
    """Train for options.steps, without validation and checkpoints; Lightning draws its bar."""
    options = parse(sys.argv[1:], MODELS)
    made, told = model(options), training(options)
    module = RFDETRModelModule(made, told)
    trainer = build_trainer(
        told,
        made,
        accelerator="gpu" if options.device == "cuda" else "cpu",
        include_training_callbacks=False,
        max_steps=options.steps,
        limit_val_batches=0,
        enable_checkpointing=False,
        logger=False,
    )
    full_precision(options.precision)  # TF32 is turned on by the import, and by build_trainer
    workload = Workload(
        devices=trainer.world_size,
        device=trainer.strategy.root_device.type,
        images=told.batch_size,
        batches=trainer.accumulate_grad_batches,
        size=made.resolution,
        precision=understood(mixed=trainer.precision == "bf16-mixed"),
    )
    parameters = sum(weights.numel() for weights in module.model.parameters())
    software = f"rfdetr {version('rfdetr')}, torch {torch.__version__}"
    say(f"{software}: {workload.words()}, {parameters} parameters")
    trainer.fit(module, RFDETRDataModule(made, told))


if __name__ == "__main__":
    main()
