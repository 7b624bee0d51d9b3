"""Trains GPT-2 with Lightning's Trainer: python with_lightning.py --output DIR; see README.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import lightning
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ThroughputMonitor
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

import gpt2
from drawn import Drawn
from sizes import parse

if TYPE_CHECKING:
    from argparse import Namespace

LEARNING_RATE = 5e-5  # transformers' default
WINDOW = 5  # batches that ThroughputMonitor looks back
PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}


class Module(LightningModule):
    """GPT-2 and its optimizer."""

    def __init__(self, options: Namespace) -> None:
        super().__init__()
        self.gpt2 = gpt2.make(options)

    def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
        """Return the loss of a batch, (sequences, length)."""
        loss: torch.Tensor = self.gpt2(input_ids=batch, labels=batch).loss
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer that transformers' Trainer takes, too."""
        return torch.optim.AdamW(self.parameters(), LEARNING_RATE, weight_decay=0.0)


def main() -> None:
    """Train for options.steps; every options.every of them metrics.csv gets a row."""
    options = parse(sys.argv[1:])
    seed_everything(options.seed)
    torch.backends.cuda.matmul.allow_tf32 = False  # float32 means float32
    trainer = Trainer(
        accelerator=options.device,
        devices=1,
        precision=PRECISIONS[options.precision],
        max_steps=options.steps,
        accumulate_grad_batches=options.accumulation,
        gradient_clip_val=1.0,
        log_every_n_steps=options.every,
        logger=CSVLogger(options.output, name="", flush_logs_every_n_steps=1),
        callbacks=[
            ThroughputMonitor(
                batch_size_fn=len, length_fn=lambda batch: batch.numel(), window_size=WINDOW
            )
        ],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=options.output,
    )
    module = Module(options)
    software = f"lightning {lightning.__version__}, torch {torch.__version__}"
    workload = gpt2.Workload(
        devices=trainer.world_size,
        device=trainer.strategy.root_device.type,
        sequences=options.sequences,
        batches=trainer.accumulate_grad_batches,
        length=options.length,
        precision={name: ours for ours, name in PRECISIONS.items()}[trainer.precision],
    )
    gpt2.say(f"{software}: {workload.words()}, {module.gpt2.num_parameters()} parameters")
    drawn = Drawn(options.length, options.vocabulary, options.seed)
    trainer.fit(module, DataLoader(drawn, batch_size=options.sequences, shuffle=True))


if __name__ == "__main__":
    main()
