"""Trains torchvision's Mask R-CNN: python train.py --data DIR --output DIR; see README.md."""

from __future__ import annotations

import inspect
import os
import sys
import time
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torchvision import __version__ as torchvision_version
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import coco
import progress
from options import parse

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    Model = torch.nn.Module
    Batch = tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]

# set by torch.distributed's launchers
RANK = int(os.environ.get("RANK", "0"))
LOCAL_RANK = int(os.environ.get("LOCAL_RANK", "0"))
RANKS = int(os.environ.get("WORLD_SIZE", "1"))
FLIPPED = 0.5  # of the images, left to right
CLASSES = 91  # COCO's category ids, and 0 for the background


class Images:
    """All images with their objects, read when the loader asks for them."""

    def __init__(self, entries: list[coco.Entry]) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        flip = bool(torch.rand(()) < FLIPPED)
        pixels, objects = coco.example(self.entries[index], flip=flip)
        image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        return image, {name: torch.from_numpy(array) for name, array in objects.items()}


def unzip(batch: list[Any]) -> tuple[list[Any], list[Any]]:
    """Turn pairs into a pair of lists; images differ in size, so they are not stacked."""
    return [image for image, _ in batch], [objects for _, objects in batch]


class Order:
    """The places of each batch's images, epoch after epoch: the loader need not start again."""

    def __init__(self, entries: list[coco.Entry], options: Namespace) -> None:
        self.entries, self.options = entries, options
        self.per_epoch = len(self.epoch(0))  # of every epoch

    def epoch(self, number: int) -> list[list[int]]:
        """Return this process's batches of an epoch."""
        seed = self.options.seed + number
        return coco.epoch(self.entries, self.options.images, RANK, RANKS, seed)

    def __iter__(self) -> Iterator[list[int]]:
        return chain.from_iterable(map(self.epoch, count()))


def batches(options: Namespace, device: torch.device) -> Iterator[tuple[int, int, int, Batch]]:
    """Yield epoch, index, iterations per epoch, and a batch on the device, without end."""
    entries = coco.read(options.data)
    order = Order(entries, options)
    loader: Any = DataLoader(
        Images(entries),
        batch_sampler=order,
        num_workers=options.workers,
        collate_fn=unzip,
        pin_memory=device.type == "cuda",
    )
    for number, (images, targets) in enumerate(loader):
        there = [image.to(device, non_blocking=True) for image in images]
        objects = [
            {name: value.to(device, non_blocking=True) for name, value in target.items()}
            for target in targets
        ]
        epoch, index = divmod(number, order.per_epoch)
        yield epoch, index, order.per_epoch, (there, objects)


def make_model(options: Namespace) -> Model:
    """Make the model as maskrcnn_resnet50_fpn does from ImageNet's weights.

    Its first stages and all batch normalisation are frozen, with random weights as well. The
    keyword for the weights was another before 0.13.
    """
    if "weights" in inspect.signature(resnet_fpn_backbone).parameters:
        weights = {"weights": None if options.random_backbone else "IMAGENET1K_V1"}
    else:
        weights = {"pretrained": not options.random_backbone}
    model = MaskRCNN(
        resnet_fpn_backbone(backbone_name="resnet50", **weights),
        CLASSES,
        min_size=options.short_side,
        max_size=options.long_side,
        rpn_pre_nms_top_n_train=options.proposals,
        rpn_post_nms_top_n_train=options.kept_proposals or options.proposals,
        box_batch_size_per_image=options.regions,
    )
    if options.random_backbone:
        even_out(model.backbone.body)
    if options.channels_last:
        model = model.to(memory_format=torch.channels_last)
    if options.compile == "backbone":
        model.backbone = torch.compile(model.backbone, dynamic=True)  # images differ in size
    return model


def even_out(body: Model) -> None:
    """Draw random weights of a variance that stays about the same from layer to layer.

    torchvision's own let it grow a thousandfold, for they count on batch normalisation, which is
    frozen here before it has normalised anything: the losses diverge, and few regions are proposed.
    """
    for layer in body.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")


class Step:
    """Takes steps of SGD, with autocast where the precision asks for it."""

    def __init__(self, model: Model, options: Namespace, device: torch.device) -> None:
        self.model = model
        weights = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(
            weights, lr=options.learning_rate, momentum=0.9, weight_decay=1e-4
        )
        half = {"float16": torch.float16, "bfloat16": getattr(torch, "bfloat16", None)}
        self.half = half.get(options.precision)
        self.device = device
        self.scaler = torch.amp.GradScaler(device.type) if self.half is torch.float16 else None

    def losses(self, batch: Batch) -> torch.Tensor:
        """Return the sum of the losses."""
        if self.half is None:
            return sum(self.model(*batch).values())
        with torch.autocast(self.device.type, dtype=self.half):
            return sum(self.model(*batch).values())

    def take(self, batch: Batch, rate: float) -> torch.Tensor:
        """Take one step; returns the sum of the losses, which a GPU may still be working at."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.losses(batch)
        self.optimizer.zero_grad()
        if self.scaler is None:
            loss.backward()
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return loss.detach()


def train(model: Model, options: Namespace, device: torch.device) -> None:
    """Train for options.iterations, and print a line for every 20 of them."""
    step = Step(model, options, device)
    total, waited, done = torch.zeros((), device=device), 0.0, 0
    since = ended = time.perf_counter()
    source = islice(batches(options, device), options.iterations)
    for iteration, (epoch, index, per_epoch, batch) in enumerate(source):
        waited += time.perf_counter() - ended
        rate = progress.learning_rate(iteration, options.learning_rate)
        total += step.take(batch, rate)
        done += 1
        if progress.due(index, per_epoch):
            loss = float(total) / done  # waits until the GPU is done
            now = time.perf_counter()
            memory = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
            say(
                progress.line(
                    (epoch, index, per_epoch),
                    rate=rate,
                    loss=loss,
                    seconds=(now - since) / done,
                    waited=waited / done,
                    memory_bytes=memory,
                )
            )
            total.zero_()
            since, waited, done = now, 0.0, 0
        ended = time.perf_counter()


def say(text: str) -> None:
    """Print a line, at once; only the first process does."""
    if RANK == 0:
        print(text, flush=True)  # noqa: T201 - the log


def main() -> None:
    """Take a device, join the other processes, train, and save the weights."""
    options = parse(sys.argv[1:])
    on_gpu = options.device == "cuda"
    device = torch.device("cuda", LOCAL_RANK) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
        # float32 means float32: PyTorch's default has TF32 on in convolutions, off elsewhere
        torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
        if hasattr(torch.backends.cuda, "matmul"):
            torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
    if RANKS > 1:
        distributed.init_process_group("nccl" if on_gpu else "gloo", init_method="env://")
    torch.manual_seed(options.seed + RANK)
    model = make_model(options).to(device).train()
    software = f"torch {torch.__version__}, torchvision {torchvision_version}"
    say(f"{software}: {RANKS} x {options.device}, {options.images} images per iteration on each")
    kept = options.kept_proposals or options.proposals
    sizes = f"{options.short_side}/{options.long_side} pixels, {kept} proposals"
    say(f"{sizes}, {options.regions} regions, {options.precision}")
    whole = model
    if RANKS > 1:
        whole = DistributedDataParallel(model, device_ids=[LOCAL_RANK] if on_gpu else None)
    train(whole, options, device)
    if RANK == 0:
        options.output.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), str(options.output / "model_final.pth"))
    if RANKS > 1:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
