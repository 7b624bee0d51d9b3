"""What is published about COCO: its archives, and how many images and annotations it has.

Sizes and SHA-256: tensorflow/datasets, tensorflow_datasets/url_checksums/coco.txt. MD5 of the
minival archive: mlcommons/training_results_v0.6, NVIDIA's hashes.md5 of maskrcnn. Images of 2017:
Detectron's MODEL_ZOO.md. Images of 2014: many descriptions of COCO; they add up to those of 2017.
Annotations: cocodataset/cocoapi issue 117.
"""

from typing import NamedTuple

_IMAGES = "http://images.cocodataset.org"  # the digests vouch for what comes without encryption


class Archive(NamedTuple):
    """A file to download; size_bytes is None where none is published; algorithm: of the digest."""

    name: str
    url: str
    size_bytes: int | None
    algorithm: str
    digest: str


class Set(NamedTuple):
    """An annotation file: its folder of images, its archive, the images of COCO's (and of it).

    needed: trainings of its year read it; annotations is None where no number is published.
    """

    images_in: str
    archive: str
    images: int
    annotations: int | None
    needed: bool


# Path below _IMAGES, size in bytes, SHA-256.
_PUBLISHED = """\
zips/train2017.zip 19_336_861_798 69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929
zips/val2017.zip 815_585_330 4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05
annotations/annotations_trainval2017.zip 252_907_541 \
113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268
zips/train2014.zip 13_510_573_713 ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775
zips/val2014.zip 6_645_013_297 fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0
annotations/annotations_trainval2014.zip 252_872_794 \
031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009
"""
_MINIVAL = "coco_annotations_minival.tgz"
ARCHIVES = {
    path.partition("/")[2]: Archive(
        path.partition("/")[2], f"{_IMAGES}/{path}", int(size), "sha256", digest
    )
    for path, size, digest in map(str.split, _PUBLISHED.splitlines())
} | {
    _MINIVAL: Archive(
        _MINIVAL,
        f"https://dl.fbaipublicfiles.com/detectron/coco/{_MINIVAL}",
        None,
        "md5",
        "2d2b9d2283adb5e3b8d25eec88e65064",
    )
}
SETS = {
    "train2017": Set("train2017", "annotations_trainval2017.zip", 118_287, 860_001, True),
    "val2017": Set("val2017", "annotations_trainval2017.zip", 5_000, 36_781, False),
    "train2014": Set("train2014", "annotations_trainval2014.zip", 82_783, None, True),
    "val2014": Set("val2014", "annotations_trainval2014.zip", 40_504, None, False),
    "valminusminival2014": Set("val2014", _MINIVAL, 35_504, None, True),
    "minival2014": Set("val2014", _MINIVAL, 5_000, None, True),
}

# a set, and those that together must have the same images
SAME_IMAGES = (
    ("train2017", ("train2014", "valminusminival2014")),
    ("val2017", ("minival2014",)),
    ("val2014", ("minival2014", "valminusminival2014")),
)

# The minival files name some annotation ids twice: rbgirshick/py-faster-rcnn issue 522.
IDS_MAY_REPEAT = ("minival2014", "valminusminival2014")
