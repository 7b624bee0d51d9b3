"""Regions of interest: which are sampled, how they are cut out, and what the two heads lose."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from boxes import area, encode
from heads import OFFSET_SCALE
from layers import Parameters, Shapes, conv, conv_shapes, dense, dense_shapes
from losses import Objects, Rois, mask_loss, overlaps, pick, smooth_l1
from proposals import Proposals
from roi_align import SAMPLES
from scale import Scale

POSITIVE = 0.5  # overlap from which a region shows an object
LEVELS = 4  # of the pyramid, from the finest, that regions are cut from
USUAL, USUAL_LEVEL = 224.0, 2  # pixels: the side of a region that belongs to the third level


class Sampled(NamedTuple):
    """Regions (R, 4), which of them count (R,) and show an object (R,), and which object (R,).

    Those that show one come first.
    """

    boxes: jax.Array
    counts: jax.Array
    positive: jax.Array
    matched: jax.Array


def shapes(scale: Scale) -> Shapes:
    """Shapes of all parameters of the two heads."""
    width, hidden = scale.pyramid_channels, scale.hidden_units
    found = {
        **dense_shapes("box/first", scale.box_bins**2 * width, hidden),
        **dense_shapes("box/second", hidden, hidden),
        **dense_shapes("box/classes", hidden, scale.classes + 1),
        **dense_shapes("box/offsets", hidden, 4 * scale.classes),
        **dense_shapes("mask/enlarge", width, 4 * width),
        **conv_shapes("mask/output", 1, width, scale.classes),
    }
    for number in range(4):
        found |= conv_shapes(f"mask/{number}", 3, width, width)
    return found


def sample(key: jax.Array, proposals: Proposals, objects: Objects, scale: Scale) -> Sampled:
    """Choose among an image's proposals, and its objects' own boxes, what the heads train on.

    As many without an object as are missing of those with one fill the sample.
    """
    boxes = jnp.concatenate([proposals.boxes, objects["boxes"]])
    there = jnp.concatenate([proposals.there, objects["classes"] > 0])
    shared = overlaps(boxes, objects)
    positive = there & (shared.max(1) >= POSITIVE)
    keys = jax.random.split(key)
    good, are_good = pick(keys[0], positive, scale.positive_regions)
    lots = jnp.where(there & ~positive, jax.random.uniform(keys[1], positive.shape), -1)
    lots = lots.at[good].set(jnp.where(are_good, 2.0, lots[good]))  # these come first
    drawn, chosen = lax.top_k(lots, scale.regions)
    return Sampled(boxes[chosen], drawn >= 0, drawn > 1, shared[chosen].argmax(1))


def cut(levels: list[jax.Array], regions: jax.Array, bins: int, scale: Scale) -> jax.Array:
    """RoIAlign of one image: regions (R, 4), in pixels, each from its level: (R, bins, bins, C).

    Four pixels around each sampling point are gathered, and weighed by how near they are; two by
    two points are meaned in a bin.
    """
    level = level_of(regions)
    heights, widths = (jnp.array([f.shape[axis] for f in levels[:LEVELS]]) for axis in (0, 1))
    starts = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(heights * widths)[:-1]])
    pixels = jnp.concatenate([f.reshape(-1, f.shape[-1]) for f in levels[:LEVELS]])
    scaled = regions / jnp.array(scale.strides[:LEVELS], jnp.float32)[level][:, None]
    height, width, start = heights[level], widths[level], starts[level]
    y = _points(scaled[:, 1], scaled[:, 3], bins, height)
    x = _points(scaled[:, 0], scaled[:, 2], bins, width)
    count = len(regions)
    total = jnp.zeros((count, bins, bins, pixels.shape[-1]), pixels.dtype)
    for row, row_weight in y:
        for column, column_weight in x:
            place = start[:, None, None] + row[:, :, None] * width[:, None, None]
            weight = row_weight[:, :, None] * column_weight[:, None, :]
            found = pixels[place + column[:, None, :]] * weight[..., None]
            grid = (count, bins, SAMPLES, bins, SAMPLES, -1)
            total = total + found.reshape(grid).mean((2, 4))
    return total


def level_of(regions: jax.Array) -> jax.Array:
    """Return the pyramid level (R,) for regions (R, 4): the larger, the coarser."""
    side = jnp.sqrt(jnp.maximum(area(regions), 1e-6))
    level = jnp.floor(jnp.log2(side / USUAL)).astype(jnp.int32) + USUAL_LEVEL
    return jnp.clip(level, 0, LEVELS - 1)


def _points(
    start: jax.Array, end: jax.Array, bins: int, size: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """Return the pixels (R, P) before and after each sampling point of start..end, and weights."""
    steps = (jnp.arange(bins * SAMPLES) + 0.5) / (bins * SAMPLES)
    at = start[:, None] + (end - start)[:, None] * steps - 0.5
    last = (size - 1)[:, None].astype(at.dtype)
    at = jnp.clip(at, 0, last)
    before = jnp.floor(at)
    share = at - before
    after = jnp.minimum(before + 1, last)
    return [(before.astype(jnp.int32), 1 - share), (after.astype(jnp.int32), share)]


def box_loss(p: Parameters, crops: jax.Array, sampled: Sampled, objects: Objects) -> jax.Array:
    """Classes of all regions of one image, and offsets of those that show an object."""
    x = jax.nn.relu(dense(p, "box/first", crops.reshape(len(crops), -1)))
    x = jax.nn.relu(dense(p, "box/second", x))
    logits = dense(p, "box/classes", x)
    offsets = dense(p, "box/offsets", x).reshape(len(crops), -1, 4)
    classes = jnp.where(sampled.positive, objects["classes"][sampled.matched], 0)
    entropy = -jnp.take_along_axis(jax.nn.log_softmax(logits), classes[:, None], 1)[:, 0]
    own = jnp.maximum(classes - 1, 0)  # offsets are predicted for each class
    said = jnp.take_along_axis(offsets, own[:, None, None], 1)[:, 0]
    target = encode(objects["boxes"][sampled.matched], sampled.boxes) / jnp.array(OFFSET_SCALE)
    misses = jnp.where(sampled.positive, smooth_l1(said - target, 1.0), 0)
    entropy = jnp.where(sampled.counts, entropy, 0)
    return (entropy.sum() + misses.sum()) / jnp.maximum(sampled.counts.sum(), 1)


def masks_loss(
    p: Parameters, crops: jax.Array, sampled: Sampled, objects: Objects, scale: Scale
) -> jax.Array:
    """Masks of the first regions of one image, as many as may show an object."""
    x = crops
    for number in range(4):
        x = jax.nn.relu(conv(p, f"mask/{number}", x))
    count, bins, _, width = x.shape
    # a transposed convolution of 2x2 with stride 2: each pixel becomes four
    x = jax.nn.relu(dense(p, "mask/enlarge", x)).reshape(count, bins, bins, 2, 2, width)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * bins, 2 * bins, width)
    logits = conv(p, "mask/output", x)
    first = Sampled(*(part[: scale.positive_regions] for part in sampled))
    own = jnp.maximum(objects["classes"][first.matched] - 1, 0)
    said = jnp.take_along_axis(logits, own[:, None, None, None], 3)[..., 0]
    return mask_loss(said, Rois(first.boxes, first.positive, first.matched), objects)
