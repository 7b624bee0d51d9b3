"""The models of transformers, from their configurations: random weights, nothing downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import (
    DFineConfig,
    DFineForObjectDetection,
    HGNetV2Config,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
    SwinConfig,
)

from coco import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

LABELS = 80  # categories of COCO
STAGES = ["stage1", "stage2", "stage3", "stage4"]


class Kind(NamedTuple):
    """A model: how it is made, full size or small, what prepares its images, and their sides."""

    make: Callable[..., PreTrainedModel]
    processor: Callable[[int], Any]
    masks: bool
    size: int


def mask2former(*, small: bool) -> PreTrainedModel:
    """Make Mask2Former with Swin-T, as published for COCO's instances: 100 queries."""
    if small:
        swin = SwinConfig(
            image_size=128,
            embed_dim=24,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 4, 8],
            window_size=4,
            out_features=STAGES,
        )
        config = Mask2FormerConfig(
            backbone_config=swin,
            feature_size=64,
            mask_feature_size=64,
            hidden_dim=64,
            encoder_feedforward_dim=128,
            dim_feedforward=128,
            encoder_layers=1,
            decoder_layers=3,
            num_queries=20,
            num_attention_heads=4,
            train_num_points=1024,
            num_labels=LABELS,
        )
    else:
        swin = SwinConfig(
            embed_dim=96,
            depths=[2, 2, 6, 2],
            num_heads=[3, 6, 12, 24],
            window_size=7,
            drop_path_rate=0.3,
            out_features=STAGES,
        )
        config = Mask2FormerConfig(backbone_config=swin, num_queries=100, num_labels=LABELS)
    return Mask2FormerForUniversalSegmentation(config)


def rtdetrv2(*, small: bool) -> PreTrainedModel:
    """Make RT-DETRv2 with a ResNet-50, as published: 300 queries, six decoder layers."""
    sizes = {**SMALL, "backbone_config": small_resnet()} if small else {}
    return RTDetrV2ForObjectDetection(RTDetrV2Config(num_labels=LABELS, **sizes))


def dfine(*, small: bool) -> PreTrainedModel:
    """Make D-FINE-L with HGNetV2-B4, as published: 300 queries, six decoder layers."""
    if small:
        sizes = {**SMALL, "backbone_config": small_hgnet()}
    else:
        sizes = {"decoder_n_points": [3, 6, 3]}
    return DFineForObjectDetection(DFineConfig(num_labels=LABELS, **sizes))


SMALL: dict[str, Any] = {
    "encoder_in_channels": [32, 64, 128],
    "encoder_hidden_dim": 64,
    "encoder_ffn_dim": 128,
    "d_model": 64,
    "decoder_in_channels": [64, 64, 64],
    "decoder_ffn_dim": 128,
    "decoder_layers": 2,
    "num_queries": 30,
    "num_denoising": 10,
}


def small_resnet() -> RTDetrResNetConfig:
    """Return a residual network of one block a stage."""
    return RTDetrResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 64, 128],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=STAGES[1:],
    )


def small_hgnet() -> HGNetV2Config:
    """Return an HGNetV2 of one block a stage."""
    return HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 16, 32, 64],
        stage_mid_channels=[8, 8, 16, 32],
        stage_out_channels=[16, 32, 64, 128],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[2, 2, 2, 2],
        hidden_sizes=[16, 32, 64, 128],
        out_features=STAGES[1:],
    )


def stretching(size: int) -> RTDetrImageProcessor:
    """Return what makes an image a square, whatever its aspect ratio, as the two models do it."""
    return RTDetrImageProcessor(size={"height": size, "width": size})


def stretching_masks(size: int) -> Mask2FormerImageProcessor:
    """Return the same for images with a map of objects."""
    return Mask2FormerImageProcessor(size={"height": size, "width": size}, ignore_index=BACKGROUND)


KINDS = {
    "mask2former": Kind(mask2former, stretching_masks, masks=True, size=1024),
    "rtdetrv2": Kind(rtdetrv2, stretching, masks=False, size=640),
    "dfine": Kind(dfine, stretching, masks=False, size=640),
}
