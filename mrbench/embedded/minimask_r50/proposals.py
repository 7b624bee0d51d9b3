"""Region proposals: anchors, the RPN, its loss, and the best boxes of each level."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from boxes import decode, encode, iou
from heads import Scored
from layers import Parameters, Shapes, conv, conv_shapes
from losses import Objects, binary_cross_entropy, overlaps, pick, smooth_l1
from scale import Scale

POSITIVE, NEGATIVE = 0.7, 0.3  # overlaps from which, and below which, an anchor counts
BETA = 1 / 9  # of the smooth L1 loss


class Proposals(NamedTuple):
    """The best boxes of an image: boxes (P, 4), and which of the P places hold one (P,)."""

    boxes: jax.Array
    there: jax.Array


def shapes(scale: Scale) -> Shapes:
    """Shapes of the RPN's parameters."""
    width, ratios = scale.pyramid_channels, len(scale.anchor_ratios)
    return {
        **conv_shapes("rpn/shared", 3, width, width),
        **conv_shapes("rpn/objectness", 1, width, ratios),
        **conv_shapes("rpn/offsets", 1, width, 4 * ratios),
    }


def make_anchors(canvas: tuple[int, int], scale: Scale) -> list[np.ndarray]:
    """Return the anchors (A, 4) of each level, in the order of the flattened RPN outputs."""
    found = []
    for stride, (height, width) in zip(scale.strides, scale.level_sizes(canvas), strict=True):
        ys, xs = np.mgrid[0:height, 0:width] * stride + stride / 2
        side = stride * scale.anchor_scale
        boxes = []
        for ratio in scale.anchor_ratios:
            half_w, half_h = side / np.sqrt(ratio) / 2, side * np.sqrt(ratio) / 2
            boxes.append(np.stack([xs - half_w, ys - half_h, xs + half_w, ys + half_h], -1))
        found.append(np.stack(boxes, 2).reshape(-1, 4).astype(np.float32))
    return found


def rpn(p: Parameters, levels: list[jax.Array]) -> list[Scored]:
    """Return objectness (images, A) and offsets (images, A, 4) for the anchors of each level."""
    said = []
    for feature in levels:
        x = jax.nn.relu(conv(p, "rpn/shared", feature))
        objectness = conv(p, "rpn/objectness", x).reshape(x.shape[0], -1)
        said.append(Scored(objectness, conv(p, "rpn/offsets", x).reshape(x.shape[0], -1, 4)))
    return said


def loss(
    key: jax.Array, said: Scored, anchors: jax.Array, objects: Objects, scale: Scale
) -> jax.Array:
    """Objectness and offsets of a random sample of one image's anchors (A, 4).

    As many negative ones as are missing of positive ones fill the sample.
    """
    shared = overlaps(anchors, objects)
    best = shared.max(1)
    # each object's best anchors count as positive, however little they overlap
    nearest = ((shared == shared.max(0)) & (shared > 0)).any(1)
    positive = (best >= POSITIVE) | nearest
    keys = jax.random.split(key)
    good, good_counts = pick(keys[0], positive, scale.rpn_samples // 2)
    bad, bad_counts = pick(keys[1], (best < NEGATIVE) & ~positive, scale.rpn_samples)
    room = jnp.arange(scale.rpn_samples) < scale.rpn_samples - good_counts.sum()
    chosen = jnp.concatenate([good, bad])
    truth = jnp.arange(len(chosen)) < len(good)
    counts = jnp.concatenate([good_counts, bad_counts & room])
    entropy = jnp.where(counts, binary_cross_entropy(said.logits[chosen], truth), 0)
    target = encode(objects["boxes"][shared[good].argmax(1)], anchors[good])
    misses = jnp.where(good_counts, smooth_l1(said.offsets[good] - target, BETA), 0)
    return (entropy.sum() + misses.sum()) / scale.rpn_samples


def propose(
    said: list[Scored], anchors: list[jax.Array], canvas: tuple[int, int], scale: Scale
) -> Proposals:
    """Return the proposals of one image; no gradient flows through them."""
    boxes, scores = [], []
    edge = jnp.array([canvas[1], canvas[0]] * 2, jnp.float32)
    for level, where in zip(lax.stop_gradient(said), anchors, strict=True):
        count = min(scale.rpn_candidates, len(where))
        logits, best = lax.top_k(level.logits, count)
        found = jnp.clip(decode(level.offsets[best], where[best]), 0, edge)
        boxes.append(found)
        scores.append(jnp.where(suppress(found, scale.rpn_nms_threshold), logits, -jnp.inf))
    logits, kept = lax.top_k(jnp.concatenate(scores), scale.proposals)
    return Proposals(jnp.concatenate(boxes)[kept], logits > -jnp.inf)


def suppress(boxes: jax.Array, threshold: float) -> jax.Array:
    """Say which of boxes (N, 4), best first, survive: a mask (N,), as one after another would give.

    A box survives if no surviving better one overlaps it by more than the threshold. All boxes are
    asked at once, until nothing changes: after n rounds those are right on whose fate chains of at
    most n boxes decide, and chains are short.
    """
    count = len(boxes)
    order = jnp.arange(count)
    beats = (iou(boxes, boxes) > threshold) & (order[:, None] < order[None, :])

    def unsettled(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.any(state[0] != state[1])

    def again(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return ~jnp.any(beats & state[0][:, None], 0), state[0]

    everyone = jnp.ones(count, bool)
    alive: jax.Array = lax.while_loop(unsettled, again, (everyone, ~everyone))[0]
    return alive
