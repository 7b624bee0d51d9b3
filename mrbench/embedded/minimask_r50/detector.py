"""The whole detector: its parameters, learnt and constant, and the losses of a batch."""

import jax
import jax.numpy as jnp

import proposals
import regions
import resnet
from heads import Scored
from layers import Parameters, initialise
from losses import Objects
from scale import Scale

Batch = dict[str, jax.Array]  # images (N, H, W, 3) of 0..255, lots (N,), and Objects with N first
PREDICTORS = ("rpn/objectness", "rpn/offsets", "box/classes", "box/offsets", "mask/output")
PIXEL_MEAN, PIXEL_SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def make_parameters(scale: Scale, seed: int) -> tuple[Parameters, Parameters]:
    """Return the first weights: those that are learnt, and the constants."""
    shapes = resnet.shapes(scale) | proposals.shapes(scale) | regions.shapes(scale)
    drawn = resnet.initial(initialise(shapes, PREDICTORS, seed))
    learnt = {name: value for name, value in drawn.items() if not resnet.is_frozen(name)}
    return learnt, {name: value for name, value in drawn.items() if name not in learnt}


def losses(learnt: Parameters, constants: Parameters, batch: Batch, scale: Scale) -> jax.Array:
    """Return the batch's mean losses (3,): region proposals, boxes, masks.

    batch["lots"] seeds the sampling of each image, on whichever device it lies.
    """
    p = learnt | constants
    pixels = batch["images"].astype(jnp.float32)
    canvas = (pixels.shape[1], pixels.shape[2])
    images = (pixels - jnp.array(PIXEL_MEAN)) / jnp.array(PIXEL_SPREAD)
    levels = resnet.pyramid(p, images, scale)
    anchors = [jnp.asarray(each) for each in proposals.make_anchors(canvas, scale)]
    objects = {name: batch[name] for name in ("boxes", "classes", "masks")}

    def sampled(
        lot: jax.Array, said: list[Scored], there: Objects
    ) -> tuple[jax.Array, regions.Sampled]:
        """Of one image: the RPN's loss, and the regions for the other heads."""
        keys = jax.random.split(jax.random.key(lot))
        whole = Scored(*(jnp.concatenate(parts) for parts in zip(*said, strict=True)))
        loss = proposals.loss(keys[0], whole, jnp.concatenate(anchors), there, scale)
        proposed = proposals.propose(said, anchors, canvas, scale)
        return loss, regions.sample(keys[1], proposed, there, scale)

    def headed(
        features: list[jax.Array], chosen: regions.Sampled, there: Objects
    ) -> tuple[jax.Array, jax.Array]:
        """Of one image: the losses of boxes and masks."""
        crops = regions.cut(features, chosen.boxes, scale.box_bins, scale)
        first = chosen.boxes[: scale.positive_regions]
        larger = regions.cut(features, first, scale.mask_bins, scale)
        box = regions.box_loss(p, crops, chosen, there)
        return box, regions.masks_loss(p, larger, chosen, there, scale)

    rpn, chosen = jax.vmap(sampled)(batch["lots"], proposals.rpn(p, levels), objects)
    chosen = jax.lax.stop_gradient(chosen)
    box, mask = jax.vmap(headed)(levels, chosen, objects)
    return jnp.stack([rpn.mean(), box.mean(), mask.mean()])
