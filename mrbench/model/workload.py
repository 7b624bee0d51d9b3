"""What one iteration of a training is, as recipes state it; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from mrbench.model.inputs import Count


class Workload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one iteration is."""

    LATER: ClassVar[Mapping[str, Any]] = {"whole_batches": None}

    images_per_gpu: Annotated[
        Count, Meta(description="Images of one GPU in one iteration, e.g. 2.")
    ]
    images_total: Annotated[
        Count | None,
        Meta(
            description="Images of all GPUs in one iteration, where upstream's configuration fixes"
            " the sum, e.g. 16. Default: images_per_gpu times the number of GPUs."
        ),
    ] = None
    learning_rate_per_image: Annotated[
        float | None,
        Meta(
            description="Learning rate for each image of an iteration, e.g. 0.00125;"
            " {learning_rate} is that times {images_per_iteration}."
        ),
    ] = None
    precision: Annotated[
        str, Meta(description="Number format of the training, e.g. float32, float16, bfloat16.")
    ] = "float32"
    whole_batches: Annotated[
        bool | None,
        Meta(
            description="Whether all iterations have their full number of images; false where the"
            " last batch of an epoch, or of a group of images, may be smaller. Default: unknown,"
            " which is a note where a small data set makes it matter."
        ),
    ] = None
    image_size: Annotated[
        str | None,
        Meta(
            description="Pixels of an image's shorter side and the most of its longer side, e.g."
            " 800/1333."
        ),
    ] = None
