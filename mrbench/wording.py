"""What readers of other people's words share: placeholders filled, slips of the pen found."""

import re
from collections.abc import Iterable, Mapping

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
LONGEST_NAME = 100  # characters that are compared: what strangers write may be a megabyte
PLACEHOLDERS = {
    "python": "the environment's interpreter",
    "checkout": "this run's own copy of the patched source",
    "output": "a fresh folder for what the training writes",
    "data": "the data folder",
    "weights": "the weights folder",
    "gpus": "number of GPUs (or CPU devices)",
    "images_per_gpu": "images per GPU and iteration",
    "images_per_iteration": "images per iteration, all GPUs together",
    "learning_rate": "learning_rate_per_image times images_per_iteration",
    "port": "a free TCP port of this machine",
    "nodes": "number of nodes (launch.multi_node)",
    "gpus_per_node": "GPUs of one node (launch.multi_node)",
    "node_rank": "the node's number, from 0 (launch.multi_node)",
    "master_address": "where the first node is reached (launch.multi_node)",
    "master_port": "a free TCP port of the first node (launch.multi_node)",
}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders that `values` knows; leave the others for later."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question with the known name that is nearest, or nothing if none is near."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest, if any is near."""
    import difflib  # noqa: PLC0415 - for mistakes only

    near = difflib.get_close_matches(name[:LONGEST_NAME], list(known), n=1)
    return near[0] if near else None
