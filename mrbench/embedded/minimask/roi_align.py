"""RoIAlign as two matrix products: bilinear sampling on a regular grid is separable.

Gathers would do as well, but their gradient is a scatter, which is slow on a CPU.
"""

import jax
import jax.numpy as jnp

from boxes import area
from settings import Settings

SAMPLES = 2  # per bin and direction, as is usual


def sampling_matrix(start: jax.Array, end: jax.Array, size: int, bins: int) -> jax.Array:
    """Weights (R, bins, size) of `size` pixels in the bins of the intervals start..end (R,).

    Coordinates are in pixels, with pixel i reaching from i to i+1. Samples beyond the middle of
    the outermost pixels fade out towards the outside.
    """
    steps = (jnp.arange(bins * SAMPLES) + 0.5) / (bins * SAMPLES)
    at = start[:, None] + (end - start)[:, None] * steps - 0.5
    weights = jnp.maximum(1 - jnp.abs(at[:, :, None] - jnp.arange(size)), 0)
    return weights.reshape(-1, bins, SAMPLES, size).mean(2)


def crop(feature: jax.Array, rois: jax.Array, bins: int) -> jax.Array:
    """Cut rois (R, 4), in the feature's pixels, from feature (H, W, C): (R, bins, bins, C)."""
    height, width, _ = feature.shape
    rows = sampling_matrix(rois[:, 1], rois[:, 3], height, bins)
    columns = sampling_matrix(rois[:, 0], rois[:, 2], width, bins)
    return _product(feature, rows, columns)


def _product(feature: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """First along the rows, for all RoIs in one product, then along each RoI's columns."""
    return jnp.einsum("rpwc,rqw->rpqc", jnp.einsum("rph,hwc->rpwc", rows, feature), columns)


def level_of(rois: jax.Array, settings: Settings) -> jax.Array:
    """Return the pyramid level (R,) for rois (R, 4): the larger, the coarser."""
    side = jnp.sqrt(jnp.maximum(area(rois), 1e-6))
    finest_up_to = 4.0 * settings.strides[0]
    level = jnp.floor(jnp.log2(side / finest_up_to)).astype(jnp.int32) + 1
    return jnp.clip(level, 0, len(settings.strides) - 1)


def roi_align(levels: list[jax.Array], rois: jax.Array, settings: Settings) -> jax.Array:
    """Cut rois (R, 4), in image pixels, each from its level: (R, bins, bins, C)."""
    bins, chosen = settings.roi_bins, level_of(rois, settings)
    total = jnp.zeros(())
    for level, (feature, stride) in enumerate(zip(levels, settings.strides, strict=True)):
        height, width, _ = feature.shape
        scaled = rois / stride
        rows = sampling_matrix(scaled[:, 1], scaled[:, 3], height, bins)
        columns = sampling_matrix(scaled[:, 0], scaled[:, 2], width, bins)
        here = (chosen == level)[:, None, None]
        total = total + _product(feature, jnp.where(here, rows, 0), columns)
    return total
