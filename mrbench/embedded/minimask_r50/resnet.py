"""ResNet-50 with frozen normalisation, and the feature pyramid on top of it.

Stem, first stage and all scales and biases of the normalisation are constants: nothing of them is
learnt. They are drawn, as there are no weights from ImageNet; each block's last scale is a quarter,
or the sum over sixteen blocks would grow without bound.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backbone import double
from layers import Parameters, Shapes, conv, conv_shapes
from scale import Scale

LAST_SCALE = 0.25
EXPANSION = 4  # of a block's channels
FROZEN = ("stem", "stage0")


def shapes(scale: Scale) -> Shapes:
    """Shapes of all kernels and affine constants of the backbone, and of the pyramid."""
    found = _normalised("stem", 7, 3, scale.stem_channels)
    width = scale.pyramid_channels
    before = scale.stem_channels
    for stage, blocks in enumerate(scale.blocks):
        inner = scale.stem_channels * 2**stage
        after = EXPANSION * inner
        for block in range(blocks):
            name = f"stage{stage}/{block}"
            found |= _normalised(f"{name}/one", 1, before, inner)
            found |= _normalised(f"{name}/two", 3, inner, inner)
            found |= _normalised(f"{name}/three", 1, inner, after)
            if block == 0:
                found |= _normalised(f"{name}/shortcut", 1, before, after)
            before = after
        found |= conv_shapes(f"pyramid{stage}/lateral", 1, after, width)
        found |= conv_shapes(f"pyramid{stage}/output", 3, width, width)
    return found


def _normalised(name: str, size: int, channels_in: int, channels_out: int) -> Shapes:
    return {
        f"{name}/kernel": (size, size, channels_in, channels_out),
        f"{name}/scale": (channels_out,),
        f"{name}/shift": (channels_out,),
    }


def is_frozen(name: str) -> bool:
    """Tell whether a parameter is a constant."""
    return name.startswith(FROZEN) or name.endswith(("/scale", "/shift"))


def quieten(parameters: Parameters) -> Parameters:
    """Return the parameters with each block's last scale at a quarter."""
    return {
        name: value * LAST_SCALE if name.endswith("/three/scale") else value
        for name, value in parameters.items()
    }


def pyramid(p: Parameters, images: jax.Array, scale: Scale) -> list[jax.Array]:
    """Turn images (N, H, W, 3) into one feature map (N, H/s, W/s, C) for each stride s."""
    x = jax.nn.relu(_convolve(p, "stem", images, stride=2))
    x = lax.reduce_window(x, -np.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    stages = []
    for stage, blocks in enumerate(scale.blocks):
        for block in range(blocks):
            stride = 2 if stage and block == 0 else 1
            x = _block(p, f"stage{stage}/{block}", x, stride)
        stages.append(x)
    levels: list[jax.Array] = []
    above: jax.Array | None = None
    for stage in reversed(range(len(stages))):
        lateral = conv(p, f"pyramid{stage}/lateral", stages[stage])
        above = lateral if above is None else lateral + double(above)
        levels.insert(0, conv(p, f"pyramid{stage}/output", above))
    return [*levels, levels[-1][:, ::2, ::2]]


def _block(p: Parameters, name: str, x: jax.Array, stride: int) -> jax.Array:
    """Bottleneck; it strides in its 3x3 convolution."""
    y = jax.nn.relu(_convolve(p, f"{name}/one", x))
    y = jax.nn.relu(_convolve(p, f"{name}/two", y, stride))
    y = _convolve(p, f"{name}/three", y)
    if f"{name}/shortcut/kernel" in p:
        x = _convolve(p, f"{name}/shortcut", x, stride)
    return jax.nn.relu(x + y)


def _convolve(p: Parameters, name: str, x: jax.Array, stride: int = 1) -> jax.Array:
    """Convolve x (N, H, W, C) without a bias, then scale and shift its channels."""
    y = lax.conv_general_dilated(
        x, p[f"{name}/kernel"], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y * p[f"{name}/scale"] + p[f"{name}/shift"]


def initial(parameters: Parameters) -> Parameters:
    """Return drawn parameters with shifts of 0, which `layers.initialise` draws as biases."""
    return quieten(
        {n: jnp.zeros_like(v) if n.endswith("/shift") else v for n, v in parameters.items()}
    )
