"""Trains a detector with transformers' Trainer: python with_transformers.py ...; see README.md."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
import transformers
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import coco
from models import KINDS, Kind
from options import parse
from workload import Workload, flipped, full_precision, say, understood

if TYPE_CHECKING:
    from argparse import Namespace

    from PIL.Image import Image


EVERY = 10  # optimizer steps, from one line to the next


class Examples(Dataset[dict[str, Any]]):
    """Images with their objects, as a model of transformers wants them."""

    def __init__(self, entries: list[coco.Entry], kind: Kind, size: int) -> None:
        self.entries, self.masks = entries, kind.masks
        self.processor = kind.processor(size)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> dict[str, Any]:
        entry, flip = self.entries[index], flipped()
        image = coco.picture(entry, flip=flip)
        if self.masks:
            return self._with_masks(entry, image, flip=flip)
        objects = [
            {"bbox": box, "category_id": label, "area": box[2] * box[3], "iscrowd": 0}
            for box, label in zip(coco.boxes(entry, flip=flip), entry.labels, strict=True)
        ]
        target = {"image_id": entry.number, "annotations": objects}
        done = self.processor(images=image, annotations=target, return_tensors="pt")
        return {"pixel_values": done["pixel_values"][0], "labels": done["labels"][0]}

    def _with_masks(self, entry: coco.Entry, image: Image, *, flip: bool) -> dict[str, Any]:
        done = self.processor(
            images=[image],
            segmentation_maps=[coco.map_of_objects(entry, flip=flip)],
            instance_id_to_semantic_id=dict(enumerate(entry.labels, start=1)),
            return_tensors="pt",
        )
        return {
            "pixel_values": done["pixel_values"][0],
            "mask_labels": done["mask_labels"][0],
            "class_labels": done["class_labels"][0],
        }


def together(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack the images, which are of one size; of the rest make lists."""
    batch: dict[str, Any] = {name: [example[name] for example in examples] for name in examples[0]}
    batch["pixel_values"] = torch.stack(batch["pixel_values"])
    return batch


def arguments(options: Namespace) -> TrainingArguments:
    """Return Trainer's arguments: no evaluation, nothing saved, nothing sent."""
    return TrainingArguments(
        output_dir=str(options.output),
        per_device_train_batch_size=options.images,
        max_steps=options.steps,
        learning_rate=options.learning_rate,
        lr_scheduler_type="constant",
        logging_steps=EVERY,
        logging_nan_inf_filter=False,  # a loss that is none is printed as such
        include_num_input_tokens_seen="all",  # prints the seconds, too
        eval_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=options.device == "cpu",
        bf16=options.precision == "bfloat16",
        torch_compile=options.compile,
        dataloader_num_workers=options.workers,
        dataloader_persistent_workers=options.workers > 0,
        dataloader_drop_last=True,
        seed=options.seed,
    )


def main() -> None:
    """Train for options.steps; Trainer prints a line for every EVERY of them."""
    options = parse(sys.argv[1:], KINDS)
    kind = KINDS[options.model]
    size = options.size or kind.size
    args = arguments(options)
    if args.n_gpu > 1:
        raise SystemExit(f"{args.n_gpu} GPUs: start a process for each, with torch.distributed.run")
    full_precision(options.precision)
    transformers.utils.logging.set_verbosity_info()
    trainer = Trainer(
        model=kind.make(small=options.small),
        args=args,
        train_dataset=Examples(coco.read(options.data), kind, size),
        data_collator=together,
    )
    args = trainer.args
    workload = Workload(
        devices=args.world_size,
        device=args.device.type,
        images=args.train_batch_size,
        batches=args.gradient_accumulation_steps,
        size=size,
        precision=understood(mixed=args.bf16),
    )
    software = f"transformers {transformers.__version__}, torch {torch.__version__}"
    say(f"{software}: {workload.words()}, {trainer.model.num_parameters()} parameters")
    trainer.train()


if __name__ == "__main__":
    main()
