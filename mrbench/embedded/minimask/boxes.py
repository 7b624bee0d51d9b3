"""Boxes (x1, y1, x2, y2) in pixels: anchors, overlap, offsets, non-maximum suppression."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from settings import Settings

LARGEST_LOG = 4.0  # a box grows at most by e**4: an early network must not overflow


def make_anchors(settings: Settings) -> np.ndarray:
    """Return the anchors (A, 4) of all levels, in the order of the flattened RPN outputs."""
    found = []
    for stride in settings.strides:
        ys, xs = np.mgrid[0 : settings.height // stride, 0 : settings.width // stride]
        side = stride * settings.anchor_scale
        for ratio in settings.anchor_ratios:
            half_w, half_h = side / np.sqrt(ratio) / 2, side * np.sqrt(ratio) / 2
            x, y = (xs + 0.5) * stride, (ys + 0.5) * stride
            found.append(np.stack([x - half_w, y - half_h, x + half_w, y + half_h], -1))
    return np.concatenate(_interleave(found, len(settings.anchor_ratios))).astype(np.float32)


def _interleave(grids: list[np.ndarray], ratios: int) -> list[np.ndarray]:
    """Make the ratio the fastest index within each level, as the channels of a convolution are."""
    levels = [grids[i : i + ratios] for i in range(0, len(grids), ratios)]
    return [np.stack(level, axis=2).reshape(-1, 4) for level in levels]


def area(boxes: jax.Array) -> jax.Array:
    """Return the areas of boxes (..., 4); 0 where one is inside out."""
    sides = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def iou(one: jax.Array, other: jax.Array) -> jax.Array:
    """Return intersection over union (N, M) of boxes (N, 4) with boxes (M, 4)."""
    corner = jnp.maximum(one[:, None, :2], other[None, :, :2])
    opposite = jnp.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = jnp.maximum(opposite - corner, 0)
    shared = sides[..., 0] * sides[..., 1]
    return shared / jnp.maximum(area(one)[:, None] + area(other)[None, :] - shared, 1e-6)


def _centre_and_size(boxes: jax.Array) -> tuple[jax.Array, jax.Array]:
    size = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)
    return boxes[..., :2] + size / 2, size


def encode(boxes: jax.Array, anchors: jax.Array) -> jax.Array:
    """Return the offsets (..., 4) that lead from the anchors to the boxes."""
    centre, size = _centre_and_size(boxes)
    from_centre, from_size = _centre_and_size(anchors)
    moved = (centre - from_centre) / from_size
    return jnp.concatenate([moved, jnp.log(size / from_size)], -1)


def decode(offsets: jax.Array, anchors: jax.Array) -> jax.Array:
    """Return the boxes (..., 4) that the offsets lead to."""
    from_centre, from_size = _centre_and_size(anchors)
    centre = from_centre + offsets[..., :2] * from_size
    half = from_size * jnp.exp(jnp.minimum(offsets[..., 2:], LARGEST_LOG)) / 2
    return jnp.concatenate([centre - half, centre + half], -1)


def clip(boxes: jax.Array, settings: Settings) -> jax.Array:
    """Cut boxes (..., 4) at the edges of the image."""
    width, height = settings.width, settings.height
    return jnp.clip(boxes, 0, jnp.array([width, height, width, height], jnp.float32))


def nms(boxes: jax.Array, threshold: float) -> jax.Array:
    """Say which of boxes (N, 4), best first, survive: a mask (N,) of fixed shape.

    A box falls where it overlaps a surviving better one by more than the threshold.
    """
    count = boxes.shape[0]
    order = jnp.arange(count)
    beats = (iou(boxes, boxes) > threshold) & (order[:, None] < order[None, :])

    def visit(i: jax.Array, alive: jax.Array) -> jax.Array:
        return alive & ~(beats[i] & alive[i])

    alive: jax.Array = lax.fori_loop(0, count, visit, boxes[:, 0] == boxes[:, 0])
    return alive
