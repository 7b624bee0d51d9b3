"""Targets and losses of one image: which anchors and RoIs count, and what they should have said.

Each loss is meaned over what was sampled in the image itself, so that the mean over images does
not depend on how they are spread over devices.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from boxes import encode, iou
from heads import OFFSET_SCALE, Scored
from roi_align import crop
from settings import Settings

# overlaps from which, or up to which, an anchor or a RoI counts as an object, or as background
RPN_POSITIVE, RPN_NEGATIVE, ROI_POSITIVE = 0.5, 0.3, 0.5
COVERED = 0.5  # share of a mask's pixel that must be inside

Objects = dict[str, jax.Array]  # boxes (M, 4), classes (M,) with 0 for padding, masks (M, S, S)


class Rois(NamedTuple):
    """Sampled boxes (R, 4), the positive ones first; which count (R,), and each one's object (R,).

    Where fewer boxes qualify than there are places, the last places do not count.
    """

    boxes: jax.Array
    counts: jax.Array
    matched: jax.Array


def pick(key: jax.Array, wanted: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Pick at random `count` of wanted (N,): indices (count,), and which of them are really so."""
    lots = jnp.where(wanted, jax.random.uniform(key, wanted.shape), -1)
    drawn, indices = lax.top_k(lots, count)
    return indices, drawn >= 0


def overlaps(boxes: jax.Array, objects: Objects) -> jax.Array:
    """Return the overlap (N, M) of boxes (N, 4) with each object; -1 with padding."""
    return jnp.where(objects["classes"] > 0, iou(boxes, objects["boxes"]), -1)


def smooth_l1(error: jax.Array, beta: float) -> jax.Array:
    """Return the loss (...,) of errors (..., 4): square below beta, linear above."""
    size = jnp.abs(error)
    return jnp.where(size < beta, size**2 / (2 * beta), size - beta / 2).sum(-1)


def mean_over(values: jax.Array, counts: jax.Array) -> jax.Array:
    """Return the mean of values where counts is true; 0 where it never is."""
    return jnp.sum(jnp.where(counts, values, 0)) / jnp.maximum(counts.sum(), 1)


def binary_cross_entropy(logits: jax.Array, truth: jax.Array) -> jax.Array:
    """Return the loss of each logit, of the shape of both."""
    losses: jax.Array = jax.nn.softplus(jnp.where(truth, -logits, logits))
    return losses


def rpn_loss(
    key: jax.Array, said: Scored, anchors: jax.Array, objects: Objects, settings: Settings
) -> jax.Array:
    """Objectness and offsets of a random sample of the anchors (A, 4)."""
    shared = overlaps(anchors, objects)
    best = shared.max(1)
    # each object's best anchors count as positive, however little they overlap
    nearest = ((shared == shared.max(0)) & (shared > 0)).any(1)
    positive = (best >= RPN_POSITIVE) | nearest
    negative = (best < RPN_NEGATIVE) & ~positive
    half = settings.rpn_samples // 2
    keys = jax.random.split(key)
    good, good_counts = pick(keys[0], positive, half)
    bad, bad_counts = pick(keys[1], negative, half)
    logits = said.logits[jnp.concatenate([good, bad])]
    truth = jnp.arange(2 * half) < half
    counts = jnp.concatenate([good_counts, bad_counts])
    target = encode(objects["boxes"][shared[good].argmax(1)], anchors[good])
    misses = jnp.where(good_counts, smooth_l1(said.offsets[good] - target, 1 / 9), 0)
    entropy = mean_over(binary_cross_entropy(logits, truth), counts)
    return entropy + misses.sum() / jnp.maximum(counts.sum(), 1)


def sample_rois(key: jax.Array, proposals: jax.Array, objects: Objects, settings: Settings) -> Rois:
    """Choose among the proposals (P, 4), and the objects' own boxes, what the heads train on."""
    boxes = jnp.concatenate([proposals, objects["boxes"]])
    shared = overlaps(boxes, objects)
    positive = shared.max(1) >= ROI_POSITIVE
    proposed = jnp.arange(len(boxes)) < len(proposals)  # an object's box is no background
    keys = jax.random.split(key)
    good, good_counts = pick(keys[0], positive, settings.positive_rois)
    bad, bad_counts = pick(keys[1], ~positive & proposed, settings.negative_rois)
    chosen = jnp.concatenate([good, bad])
    counts = jnp.concatenate([good_counts, bad_counts])
    return Rois(boxes[chosen], counts, shared[chosen].argmax(1))


def box_loss(said: Scored, rois: Rois, objects: Objects, settings: Settings) -> jax.Array:
    """Classes of all RoIs, offsets of the positive ones (the first settings.positive_rois)."""
    positive = jnp.arange(len(rois.boxes)) < settings.positive_rois
    classes = jnp.where(positive, objects["classes"][rois.matched], 0)
    entropy = -jnp.take_along_axis(jax.nn.log_softmax(said.logits), classes[:, None], 1)[:, 0]
    target = encode(objects["boxes"][rois.matched], rois.boxes) / jnp.array(OFFSET_SCALE)
    misses = jnp.where(rois.counts & positive, smooth_l1(said.offsets - target, 1.0), 0)
    return mean_over(entropy, rois.counts) + misses.sum() / jnp.maximum(rois.counts.sum(), 1)


def mask_loss(logits: jax.Array, rois: Rois, objects: Objects) -> jax.Array:
    """Cross-entropy of mask logits (P, B, B) of the first P RoIs with the objects under them."""
    count, bins, _ = logits.shape
    first = Rois(*(x[:count] for x in rois))
    stored = objects["masks"].shape[1]
    boxes = objects["boxes"][first.matched]
    corner, size = boxes[:, :2], jnp.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    # the stored mask is stretched over the object's box: go over to its pixels
    inside = jnp.concatenate([first.boxes[:, :2] - corner, first.boxes[:, 2:] - corner], -1)
    inside = inside / jnp.concatenate([size, size], -1) * stored

    def cut(mask: jax.Array, roi: jax.Array) -> jax.Array:
        return crop(mask[:, :, None], roi[None], bins)[0, ..., 0]

    truth = jax.vmap(cut)(objects["masks"][first.matched], inside) >= COVERED
    return mean_over(binary_cross_entropy(logits, truth).mean((1, 2)), first.counts)
