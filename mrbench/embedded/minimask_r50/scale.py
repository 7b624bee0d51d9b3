"""Every size of the full model, in one frozen place: those of R-50-FPN Mask R-CNN at 800/1333."""

from dataclasses import dataclass

COARSEST = 32  # pixels: the stride of the backbone's last stage, which divides a canvas


@dataclass(frozen=True)
class Scale:
    """Sizes in pixels of the resized image; counts are per image."""

    short_side: int = 800
    long_side: int = 1333  # at most
    classes: int = 80
    max_objects: int = 100
    blocks: tuple[int, ...] = (3, 4, 6, 3)  # of the four stages
    stem_channels: int = 64
    pyramid_channels: int = 256
    strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    anchor_scale: int = 8  # an anchor's side in strides of its level
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rpn_samples: int = 256  # at most half of them positive
    rpn_candidates: int = 2000  # boxes of each level that go into the suppression
    proposals: int = 1000  # and of an image that come out of it
    rpn_nms_threshold: float = 0.7
    regions: int = 512
    positive_regions: int = 128  # of them, at most
    hidden_units: int = 1024
    box_bins: int = 7
    mask_bins: int = 14
    stored_mask: int = 112  # side of a ground-truth mask, stretched over its box

    def canvas(self, *, wide: bool) -> tuple[int, int]:
        """Return height and width that an image, wide or tall, is padded to."""
        short, long = (
            -(-side // COARSEST) * COARSEST for side in (self.short_side, self.long_side)
        )
        return (short, long) if wide else (long, short)

    def level_sizes(self, canvas: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the height and width of each pyramid level of such a canvas."""
        return [(-(-canvas[0] // s), -(-canvas[1] // s)) for s in self.strides]
