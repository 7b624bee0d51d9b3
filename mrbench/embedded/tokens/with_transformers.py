"""Trains GPT-2 with transformers' Trainer: python with_transformers.py --output DIR; README.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch
import transformers
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import gpt2
from drawn import Drawn
from sizes import parse

if TYPE_CHECKING:
    from argparse import Namespace


class Examples(Dataset[dict[str, torch.Tensor]]):
    """Sequences as Trainer wants them: what goes in is what is to be told, one place further."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        tokens = self.drawn[index]
        return {"input_ids": tokens, "labels": tokens}


def arguments(options: Namespace) -> TrainingArguments:
    """Return Trainer's arguments: no evaluation, nothing saved, nothing sent."""
    return TrainingArguments(
        output_dir=str(options.output),
        per_device_train_batch_size=options.sequences,
        gradient_accumulation_steps=options.accumulation,
        max_steps=options.steps,
        logging_steps=options.every,
        include_num_input_tokens_seen="all",
        eval_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=options.device == "cpu",
        bf16=options.precision == "bfloat16",
        tf32=False if options.device == "cuda" else None,
        dataloader_num_workers=0,
        seed=options.seed,
    )


def main() -> None:
    """Train for options.steps; Trainer prints a line for every options.every of them."""
    options = parse(sys.argv[1:])
    trainer = Trainer(
        model=gpt2.make(options),
        args=arguments(options),
        train_dataset=Examples(Drawn(options.length, options.vocabulary, options.seed)),
    )
    args = trainer.args
    software = f"transformers {transformers.__version__}, torch {torch.__version__}"
    workload = gpt2.Workload(
        devices=args.world_size,
        device=args.device.type,
        sequences=args.train_batch_size,
        batches=args.gradient_accumulation_steps,
        length=options.length,
        precision="bfloat16" if args.bf16 else "float32",
    )
    gpt2.say(f"{software}: {workload.words()}, {trainer.model.num_parameters()} parameters")
    trainer.train()


if __name__ == "__main__":
    main()
