"""The convolutional backbone, and the feature pyramid on top of it."""

import jax
import jax.numpy as jnp

from layers import Parameters, Shapes, block, block_shapes, conv, conv_shapes
from settings import Settings


def shapes(settings: Settings) -> Shapes:
    """Shapes of all parameters of backbone and pyramid."""
    found = block_shapes("stem", 3, settings.backbone_channels[0])
    width = settings.pyramid_channels
    for level in range(len(settings.strides)):
        before, channels = settings.backbone_channels[level : level + 2]
        found |= block_shapes(f"stage{level}/down", before, channels)
        found |= block_shapes(f"stage{level}/first", channels, channels)
        found |= block_shapes(f"stage{level}/second", channels, channels)
        found |= conv_shapes(f"pyramid{level}/lateral", 1, channels, width)
        found |= conv_shapes(f"pyramid{level}/output", 3, width, width)
    return found


def pyramid(p: Parameters, images: jax.Array, settings: Settings) -> list[jax.Array]:
    """Turn images (N, H, W, 3) into one feature map (N, H/s, W/s, C) for each stride s."""
    x = jax.nn.relu(block(p, "stem", images, stride=2))
    stages = []
    for level in range(len(settings.strides)):
        x = jax.nn.relu(block(p, f"stage{level}/down", x, stride=2))
        y = jax.nn.relu(block(p, f"stage{level}/first", x))
        x = jax.nn.relu(x + block(p, f"stage{level}/second", y))
        stages.append(x)
    levels: list[jax.Array] = []
    above: jax.Array | None = None
    for level in reversed(range(len(stages))):
        lateral = conv(p, f"pyramid{level}/lateral", stages[level])
        above = lateral if above is None else lateral + double(above)
        levels.insert(0, conv(p, f"pyramid{level}/output", above))
    return levels


def double(x: jax.Array) -> jax.Array:
    """Repeat each pixel of x (N, H, W, C) twice in both directions."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
