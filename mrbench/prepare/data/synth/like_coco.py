"""Draws pictures like COCO's: of its sizes, with as many objects and bytes as its pictures have.

Each figure says where it is from, and so do the sentences on what is published nowhere and was
chosen. What is drawn means nothing: textured shapes on a textured ground, enough to load, decode,
resize and train on at the cost of a picture of COCO.

All chance comes from Random.random() and SHAKE-128, which are the same everywhere.
"""

import bisect
import hashlib
import itertools
import math
from io import BytesIO
from random import Random
from statistics import NormalDist

from PIL import Image, ImageChops, ImageDraw

from mrbench.prepare.data.synth.categories import CATEGORIES, COMMONNESS
from mrbench.prepare.data.synth.picture import Outline, Picture, Thing, area, box, single

# Sizes. Published of train2014 (Lextal/SotA-CV, content/datasets/coco_detection.md): 90 % of the
# pictures have 167,500 to 355,840 pixels, and a height of 0.6 to 1.5 widths. Which sizes are how
# common is published nowhere; these are Flickr's usual ones, weighted so that both hold.
SIZES = """
640x480 250, 640x427 150, 640x426 70, 640x425 50, 640x428 30, 640x424 30, 640x429 20, 640x360 25,
640x400 10, 640x512 15, 640x640 28, 612x612 20, 640x556 12, 500x375 45, 500x333 28, 500x334 10,
500x335 8, 500x500 5, 640x320 5, 320x240 3, 480x640 110, 427x640 60, 426x640 25, 425x640 15,
428x640 10, 512x640 8, 360x640 8, 375x500 15, 333x500 10, 334x500 4
"""
# Objects of a picture. train2017 has 860,001 in 118,287 pictures (cocodataset/cocoapi issue 117),
# 7.27 each, and 1,021 pictures without any (issue 76 there). The median is 4, and 99 % have 1 to 33
# (Lextal/SotA-CV, as above). A Weibull distribution with these two numbers has that mean and that
# median, and 1 % above 40.
WITHOUT = 1021 / 118_287
OBJECTS_SHAPE, OBJECTS_SCALE = 0.85, 6.65
MOST_OBJECTS = 90
# Areas: 41 % below 32 x 32 pixels, 24 % above 96 x 96 (cocodataset.org, detection evaluation). The
# logarithms of a normal distribution with these two shares; how it ends on both sides is chosen.
LOG_AREA = NormalDist(7.466, 2.353)
LEAST_AREA, MOST_AREA = 30.0, 0.8  # square pixels; share of the picture
LOG_ASPECT = NormalDist(0, 0.5)  # width by height of an object; chosen
# Corners. instances_train2017.json has 469,785,474 bytes. Less some 330 for each picture and 150
# for the rest of each annotation, 350 are left for its corners, of about 14 bytes: 25. That a
# larger object has more is chosen: n ~ area ** 0.26.
CORNERS, CORNERS_POWER, CORNERS_SPREAD = 2.75, 0.26, NormalDist(0, 0.35)
FEWEST_CORNERS, MOST_CORNERS = 4, 300
IN_PARTS = 0.1  # objects of two polygons, as something is before them; chosen
# Crowds: of the 860,001 annotations 849,949 are none (cocoapi issue 117). Their size is chosen.
CROWDS = 1 - 849_949 / 860_001
LOG_CROWD = NormalDist(9.8, 0.8)
# Persons are 257,253 of those 849,949 (detectron2's log, in its issue 1134). The others are as
# common as in our small pictures, the n-th 1/n of the first: no speed depends on that.
PEOPLE = 257_253 / 849_949
# Bytes: train2017.zip has 19,336,861,798 for 118,287 pictures, 163 kB each; the detail is such that
# the mean is as large, 0.59 bytes a pixel. Quality and subsampling are published nowhere: these are
# what Flickr's own files of 640x427 have (those that come with scikit-learn: 0.52 and 0.72 bytes).
QUALITY, SUBSAMPLING = 96, "4:4:4"
LOG_DETAIL = NormalDist(2.74, 0.45)
# Of brightness and two colours: sizes of the ground's spots in pixels, and levels from 0 to 255.
GROUND = (((96, 12), (50, 205)), ((80, 8), (100, 156)), ((80, 8), (100, 156)))

NORMAL = NormalDist()
_ENTRIES = [entry.split() for entry in SIZES.replace("\n", " ").split(", ")]
_SIZES = [(int(size[:3]), int(size[4:])) for size, _ in _ENTRIES]
_OFTEN = list(itertools.accumulate(int(weight) for _, weight in _ENTRIES))
_OTHERS = COMMONNESS[-1] - COMMONNESS[0]


def picture(seed: int, number: int) -> Picture:
    """Draw one picture: the same for the same seed and number, whatever else is drawn."""
    rng = Random(f"coco/{seed}/{number}")  # noqa: S311 - a drawing, no secret
    width, height = _SIZES[bisect.bisect_right(_OFTEN, rng.random() * _OFTEN[-1])]
    things = [_thing(rng, width, height) for _ in range(_how_many(rng))]
    noise = _Noise(f"{seed}/{number}", width, height)
    bands = [noise.ground(cells, levels) for cells, levels in GROUND]
    for thing in sorted(things, key=lambda thing: -thing.area):  # or it would hide the others
        for band, (_, levels) in zip(bands, GROUND, strict=True):
            _paint(band, thing, int(_within(rng.random(), levels)))
    bands[0] = noise.detailed(bands[0], math.exp(_normal(rng, LOG_DETAIL)))
    written = BytesIO()
    Image.merge("YCbCr", bands).save(written, "JPEG", quality=QUALITY, subsampling=SUBSAMPLING)
    return Picture(written.getvalue(), width, height, things)


def _normal(rng: Random, of: NormalDist) -> float:
    """Draw from a normal distribution."""
    return of.mean + of.stdev * NORMAL.inv_cdf(min(max(rng.random(), 1e-12), 1 - 1e-12))


def _within(share: float, levels: tuple[int, int]) -> float:
    """Return what lies so far between two levels."""
    return levels[0] + share * (levels[1] - levels[0])


def _how_many(rng: Random) -> int:
    if rng.random() < WITHOUT:
        return 0
    drawn = OBJECTS_SCALE * math.pow(-math.log(1 - rng.random()), 1 / OBJECTS_SHAPE)
    return min(max(1, round(drawn)), MOST_OBJECTS)


def _thing(rng: Random, width: int, height: int) -> Thing:
    """Make an object somewhere in the picture."""
    crowd = rng.random() < CROWDS
    person = rng.random() < PEOPLE
    others = COMMONNESS[0] + rng.random() * _OTHERS
    category = 0 if person else min(bisect.bisect_right(COMMONNESS, others), len(CATEGORIES) - 1)
    size = math.exp(_normal(rng, LOG_CROWD if crowd else LOG_AREA))
    size = min(max(size, LEAST_AREA), MOST_AREA * width * height)
    corners = round(CORNERS * size**CORNERS_POWER * math.exp(_normal(rng, CORNERS_SPREAD)))
    corners = min(max(corners, FEWEST_CORNERS), MOST_CORNERS)
    parts = _unit(rng, corners, 2 if not crowd and rng.random() < IN_PARTS else 1)
    inside = sum(map(area, parts))
    aspect = math.exp(_normal(rng, LOG_ASPECT))
    across = min(math.sqrt(size * aspect / inside), width - 1)
    down = min(size / inside / across, height - 1)
    across = min(size / inside / down, width - 1)
    left, top = rng.random() * (width - 1 - across), rng.random() * (height - 1 - down)
    placed = [[(left + x * across, top + y * down) for x, y in part] for part in parts]
    rounded = [[(round(x, 2), round(y, 2)) for x, y in part] for part in placed]
    return _crowd(rounded[0], width, height, category) if crowd else single(rounded, category)


def _unit(rng: Random, corners: int, parts: int) -> list[Outline]:
    """Return outlines that together fill a box of 1 by 1 from end to end."""
    if parts == 1:
        return [_fitted(_star(rng, corners), (0.0, 0.0, 1.0, 1.0))]
    most = max(FEWEST_CORNERS, round(corners * 0.6))
    rest = max(FEWEST_CORNERS, corners - most)
    return [
        _fitted(_star(rng, most), (0.0, 0.0, 0.55, 1.0)),
        _fitted(_star(rng, rest), (0.65, 0.2, 1.0, 0.8)),
    ]


def _star(rng: Random, corners: int) -> Outline:
    """Return an outline without crossings: corners around a middle, at distances that vary."""
    turn, waves = rng.random() * math.tau, 2 + int(3 * rng.random())
    outline = []
    for corner in range(corners):
        angle = turn + math.tau * (corner + 0.6 * rng.random()) / corners
        distance = 0.75 + 0.2 * math.sin(waves * angle) + 0.12 * rng.random()
        outline.append((distance * math.cos(angle), distance * math.sin(angle)))
    return outline


def _fitted(outline: Outline, into: tuple[float, float, float, float]) -> Outline:
    """Stretch an outline to touch all sides of a box: left, top, right, bottom."""
    left, top, right, bottom = box(outline)
    wide, high = (into[2] - into[0]) / (right - left), (into[3] - into[1]) / (bottom - top)
    return [(into[0] + (x - left) * wide, into[1] + (y - top) * high) for x, y in outline]


def _crowd(outline: Outline, width: int, height: int, category: int) -> Thing:
    """Write a crowd as COCO does: lengths of the runs of 0 and 1, column by column."""
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon(outline, fill=1)
    columns = mask.transpose(Image.Transpose.TRANSPOSE).tobytes()
    runs = [len(list(same)) for _, same in itertools.groupby(columns)]
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    return Thing(
        category=category,
        segmentation={"counts": [0] * columns[0] + runs, "size": [height, width]},
        area=float(sum(columns)),
        bbox=[float(left), float(top), float(right - left), float(bottom - top)],
        crowd=True,
    )


def _paint(band: Image.Image, thing: Thing, colour: int) -> None:
    canvas = ImageDraw.Draw(band)
    if isinstance(thing.segmentation, list):
        for part in thing.segmentation:
            canvas.polygon(part, fill=colour)


class _Noise:
    """Random textures of a picture's size, from one stream of bytes."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self._name, self._size, self._made = name, (width, height), 0

    def ground(self, cells: tuple[int, ...], levels: tuple[int, int]) -> Image.Image:
        """Return spots of these sizes in pixels, laid over one another, within these levels."""
        laid = self._cells(cells[0])
        for cell in cells[1:]:
            laid = Image.blend(laid, self._cells(cell), 0.3)
        return laid.point([round(_within(level / 255, levels)) for level in range(256)])

    def detailed(self, band: Image.Image, strength: float) -> Image.Image:
        """Return the band with fine detail, here more, there less; strength: in grey levels."""
        fine = Image.blend(self._cells(3), self._cells(1), 0.5)
        factor = strength / 64
        fine = fine.point([round(128 + (level - 128) * factor) for level in range(256)])
        smooth = Image.new("L", self._size, 128)
        fine = Image.composite(fine, smooth, self._cells(48))
        return ImageChops.add(band, fine, offset=-128)

    def _cells(self, cell: int) -> Image.Image:
        """Return grey spots of a size in pixels."""
        width, height = (-(-side // cell) + (cell > 1) for side in self._size)
        self._made += 1
        stream = hashlib.shake_128(f"{self._name}/{self._made}".encode())
        spots = Image.frombytes("L", (width, height), stream.digest(width * height))
        if cell == 1:
            return spots
        return spots.resize(self._size, Image.Resampling.BICUBIC)
