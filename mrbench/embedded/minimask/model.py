"""The whole detector: parameters, and the losses of a batch."""

import jax
import jax.numpy as jnp
import numpy as np

import backbone
import heads
from boxes import make_anchors
from layers import Parameters, initialise
from losses import Objects, Rois, box_loss, mask_loss, rpn_loss, sample_rois
from roi_align import roi_align
from settings import Settings

Batch = dict[str, jax.Array]  # images (N, H, W, 3) of 0..255, lots (N,), and Objects with N first
PIXEL_MEAN, PIXEL_SPREAD = 128.0, 64.0


def make_parameters(settings: Settings, seed: int) -> Parameters:
    """Return the first weights of the whole network."""
    shapes = backbone.shapes(settings) | heads.shapes(settings)
    return initialise(shapes, heads.PREDICTORS, seed)


def losses(p: Parameters, batch: Batch, settings: Settings) -> jax.Array:
    """Return the batch's mean losses (3,): region proposals, boxes, masks.

    batch["lots"] seeds the sampling of each image, so that the same image in the same iteration
    gives the same loss on whichever device it lies.
    """
    anchors = jnp.asarray(make_anchors(settings))
    images = (batch["images"].astype(jnp.float32) - PIXEL_MEAN) / PIXEL_SPREAD
    levels = backbone.pyramid(p, images, settings)
    objects = {name: batch[name] for name in ("boxes", "classes", "masks")}
    proposed = heads.rpn(p, levels)
    rpn, rois = jax.vmap(_sample, in_axes=(0, 0, 0, None, None))(
        batch["lots"], proposed, objects, anchors, settings
    )
    crops = jax.vmap(roi_align, in_axes=(0, 0, None))(levels, rois.boxes, settings)
    said = jax.vmap(heads.box_head, in_axes=(None, 0))(p, crops)
    box = jax.vmap(box_loss, in_axes=(0, 0, 0, None))(said, rois, objects, settings)
    # only positive RoIs have a mask, and they come first
    logits = jax.vmap(heads.mask_head, in_axes=(None, 0))(p, crops[:, : settings.positive_rois])
    mask = jax.vmap(mask_loss)(logits, rois, objects)
    return jnp.stack([rpn.mean(), box.mean(), mask.mean()])


def _sample(
    lot: jax.Array, proposed: heads.Scored, objects: Objects, anchors: jax.Array, settings: Settings
) -> tuple[jax.Array, Rois]:
    """Of one image: the RPN's loss, and the RoIs for the other heads."""
    keys = jax.random.split(jax.random.key(lot))
    loss = rpn_loss(keys[0], proposed, anchors, objects, settings)
    proposals = heads.propose(proposed, anchors, settings)
    return loss, sample_rois(keys[1], proposals, objects, settings)


def parameter_count(p: Parameters) -> int:
    """Return how many numbers are learnt."""
    return sum(int(np.prod(x.shape)) for x in p.values())
