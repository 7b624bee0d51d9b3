"""What is in the data folder, as recipes state it, and how it is converted; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Step, SyntheticData, Words


class Converted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The dataset in the implementation's own format: made once, kept, and used by later runs."""

    steps: Annotated[
        tuple[Step, ...],
        Meta(
            min_length=1,
            description="Commands that convert the data, run in a copy of the source. They write to"
            " the folder {converted}; {python}, {checkout} and {data} are filled in, too.",
        ),
    ]
    makes: Annotated[
        Words,
        doc(
            "Files and folders that must be in {converted} afterwards, e.g."
            " [train-00000-of-00004.tfrecord]."
        ),
    ] = ()


class Dataset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in the data folder, and where the implementation looks for it."""

    LATER: ClassVar[Mapping[str, Any]] = {"converted": None}

    layout: Annotated[
        str,
        doc(
            "How the data folder is laid out, in words, e.g. 'COCO 2017, as train2017/ and"
            " annotations/'."
        ),
    ]
    needs: Annotated[
        Words,
        doc(
            "Files and folders that must be in the data folder, e.g."
            " annotations/instances_train2017.json."
        ),
    ] = ()
    links: Annotated[
        Mapping[str, str],
        doc(
            "Links to make in the checkout: path in the checkout, then path in the data folder,"
            " e.g. {datasets/coco: .}."
        ),
    ] = {}
    prepare: Annotated[
        tuple[Step, ...],
        doc("Commands that convert the data before each training, run in its copy."),
    ] = ()
    converted: Annotated[
        Converted | None,
        doc(
            "The dataset in another format, made once and kept. Made again when the source, the"
            " environment, the data or the steps change. {converted} in the command is its folder."
        ),
    ] = None
    synthetic: Annotated[
        SyntheticData | None, doc("Train on images that mrbench draws; --data is then not needed.")
    ] = None
