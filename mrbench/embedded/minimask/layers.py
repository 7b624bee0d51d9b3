"""The building blocks: convolution, group normalisation, a dense layer, and their first weights.

Parameters are one flat dictionary of arrays, named "layer/kernel", "layer/bias", "layer/scale".
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Parameters = dict[str, jax.Array]
Shapes = dict[str, tuple[int, ...]]
GROUPS = 8
SMALL = 0.01  # standard deviation of the layers that predict: they begin near zero


def conv_shapes(name: str, size: int, channels_in: int, channels_out: int) -> Shapes:
    """Shapes of a convolution of size x size with a bias."""
    return {
        f"{name}/kernel": (size, size, channels_in, channels_out),
        f"{name}/bias": (channels_out,),
    }


def conv(p: Parameters, name: str, x: jax.Array, stride: int = 1) -> jax.Array:
    """Convolve x (N, H, W, C), padded so that stride 1 keeps the size."""
    y = lax.conv_general_dilated(
        x, p[f"{name}/kernel"], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y + p[f"{name}/bias"]


def block_shapes(name: str, channels_in: int, channels_out: int) -> Shapes:
    """Shapes of a normalised 3x3 convolution."""
    return {
        f"{name}/kernel": (3, 3, channels_in, channels_out),
        f"{name}/scale": (channels_out,),
        f"{name}/bias": (channels_out,),
    }


def block(p: Parameters, name: str, x: jax.Array, stride: int = 1) -> jax.Array:
    """Convolve, then normalise over groups of channels: no statistics are shared by images."""
    y = lax.conv_general_dilated(
        x, p[f"{name}/kernel"], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    n, h, w, c = y.shape
    grouped = y.reshape(n, h * w, GROUPS, c // GROUPS)
    mean = grouped.mean((1, 3), keepdims=True)
    variance = jnp.square(grouped - mean).mean((1, 3), keepdims=True)
    normal = ((grouped - mean) * lax.rsqrt(variance + 1e-5)).reshape(n, h, w, c)
    return normal * p[f"{name}/scale"] + p[f"{name}/bias"]


def dense_shapes(name: str, inputs: int, outputs: int) -> Shapes:
    """Shapes of a dense layer."""
    return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}


def dense(p: Parameters, name: str, x: jax.Array) -> jax.Array:
    """Multiply x (..., inputs) by the kernel and add the bias."""
    return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]


def initialise(shapes: Shapes, predictors: tuple[str, ...], seed: int) -> Parameters:
    """Draw He-normal kernels (small ones for the predictors); biases 0, scales 1."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for name, shape in shapes.items():
        layer, kind = name.rsplit("/", 1)
        if kind == "kernel":
            he = float(np.sqrt(2 / np.prod(shape[:-1])))
            values = rng.normal(0, SMALL if layer in predictors else he, shape)
        else:
            values = np.full(shape, 1.0 if kind == "scale" else 0.0)
        parameters[name] = jnp.asarray(values, jnp.float32)
    return parameters
