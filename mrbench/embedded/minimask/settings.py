"""Every size that shapes the network, in one frozen place: jit compiles for one of these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes in pixels of the resized image; counts are per image."""

    width: int = 128
    height: int = 96
    classes: int = 80
    max_objects: int = 8
    strides: tuple[int, ...] = (4, 8, 16)
    backbone_channels: tuple[int, ...] = (16, 24, 48, 64)
    pyramid_channels: int = 32
    hidden_units: int = 128
    anchor_scale: int = 3  # an anchor's side in strides of its level
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rpn_samples: int = 64  # at most half of them positive
    rpn_candidates: int = 192  # boxes that go into the NMS
    proposals: int = 64  # and that come out of it
    rpn_nms_threshold: float = 0.7
    positive_rois: int = 8
    negative_rois: int = 24
    roi_bins: int = 7
    mask_bins: int = 14
    stored_mask: int = 28  # side of a ground-truth mask, stretched over its box
