"""What looks at the pyramid: the region proposal network, the box head and the mask head."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from boxes import clip, decode, nms
from layers import Parameters, Shapes, conv, conv_shapes, dense, dense_shapes
from settings import Settings

PREDICTORS = ("rpn/objectness", "rpn/offsets", "box/classes", "box/offsets", "mask/output")
OFFSET_SCALE = (0.1, 0.1, 0.2, 0.2)  # the box head's offsets are small; this brings them near 1


def shapes(settings: Settings) -> Shapes:
    """Shapes of all parameters of the three heads."""
    width, hidden = settings.pyramid_channels, settings.hidden_units
    ratios = len(settings.anchor_ratios)
    return {
        **conv_shapes("rpn/shared", 3, width, width),
        **conv_shapes("rpn/objectness", 1, width, ratios),
        **conv_shapes("rpn/offsets", 1, width, 4 * ratios),
        **dense_shapes("box/first", settings.roi_bins**2 * width, hidden),
        **dense_shapes("box/second", hidden, hidden),
        **dense_shapes("box/classes", hidden, settings.classes + 1),
        **dense_shapes("box/offsets", hidden, 4),
        **conv_shapes("mask/first", 3, width, width),
        **conv_shapes("mask/second", 3, width, width),
        **dense_shapes("mask/enlarge", width, 4 * width),
        **conv_shapes("mask/output", 1, width, 1),
    }


class Scored(NamedTuple):
    """What a head says of each of N boxes: logits (N, ...) and offsets (N, 4)."""

    logits: jax.Array
    offsets: jax.Array


def rpn(p: Parameters, levels: list[jax.Array]) -> Scored:
    """Return objectness (images, A) and offsets (images, A, 4) for the anchors of all levels."""
    objectness, offsets = [], []
    for feature in levels:
        x = jax.nn.relu(conv(p, "rpn/shared", feature))
        objectness.append(conv(p, "rpn/objectness", x).reshape(x.shape[0], -1))
        offsets.append(conv(p, "rpn/offsets", x).reshape(x.shape[0], -1, 4))
    return Scored(jnp.concatenate(objectness, 1), jnp.concatenate(offsets, 1))


def propose(said: Scored, anchors: jax.Array, settings: Settings) -> jax.Array:
    """Return the proposals (P, 4) of one image; no gradient flows through them.

    Where fewer than P boxes survive the NMS, the best of the others fill the rest.
    """
    said = lax.stop_gradient(said)
    scores, best = lax.top_k(said.logits, settings.rpn_candidates)
    boxes = clip(decode(said.offsets[best], anchors[best]), settings)
    alive = nms(boxes, settings.rpn_nms_threshold)
    _, kept = lax.top_k(jnp.where(alive, scores, scores - 1e6), settings.proposals)
    proposals: jax.Array = boxes[kept]
    return proposals


def box_head(p: Parameters, crops: jax.Array) -> Scored:
    """Return class logits (R, 1 + classes), background first, and offsets (R, 4) for crops."""
    x = jax.nn.relu(dense(p, "box/first", crops.reshape(crops.shape[0], -1)))
    x = jax.nn.relu(dense(p, "box/second", x))
    return Scored(dense(p, "box/classes", x), dense(p, "box/offsets", x))


def mask_head(p: Parameters, crops: jax.Array) -> jax.Array:
    """Return mask logits (R, 2 * bins, 2 * bins) for crops (R, bins, bins, C)."""
    x = jax.nn.relu(conv(p, "mask/first", crops))
    x = jax.nn.relu(conv(p, "mask/second", x))
    count, bins, _, width = x.shape
    # a transposed convolution of 2x2 with stride 2: each pixel becomes four
    x = jax.nn.relu(dense(p, "mask/enlarge", x)).reshape(count, bins, bins, 2, 2, width)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * bins, 2 * bins, width)
    return conv(p, "mask/output", x)[..., 0]
