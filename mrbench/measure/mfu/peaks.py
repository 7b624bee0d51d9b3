"""Dense peaks of GPUs by the number format of their arithmetic, from peaks.toml."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from mrbench.model.mfu import NumberFormat, Peak

FILE = Path(__file__).with_name("peaks.toml")
# What an older driver leaves out or puts before a name.
_MAKERS = re.compile(r"(?:(?:nvidia|tesla) )+")


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of a data sheet; source: a key of the file's `sources`."""

    formats: tuple[NumberFormat, ...]
    tflops: float
    source: str


class GpuPeaks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The peaks of GPUs that are alike; names: as NVML reports them."""

    names: tuple[str, ...]
    has_tf32: bool
    peaks: tuple[Figure, ...]

    def of(self, wanted: NumberFormat) -> tuple[Peak, ...]:
        """Return the peaks in a number format, the one that counts first; none if unknown."""
        return tuple(
            Peak(tflops=entry.tflops, source=content().sources[entry.source])
            for entry in self.peaks
            if wanted in entry.formats
        )

    @property
    def formats(self) -> tuple[NumberFormat, ...]:
        """The number formats with a known peak."""
        return tuple(dict.fromkeys(f for entry in self.peaks for f in entry.formats))


class Mistake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A peak that a trainer takes and that is not the GPU's.

    about: the GPUs in `gpus`, those that the file does not have, or every GPU.
    """

    about: Literal["named", "unknown", "every"]
    tflops: float
    trainer: str
    why: str
    gpus: tuple[str, ...] = ()


class PeaksFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of peaks.toml; sources: by their short names. mistakes: of known trainers."""

    sources: Mapping[str, str]
    gpus: tuple[GpuPeaks, ...]
    mistakes: tuple[Mistake, ...]


@functools.cache
def content() -> PeaksFile:
    """Return the content of peaks.toml."""
    return msgspec.toml.decode(FILE.read_bytes(), type=PeaksFile)


def peaks_of(name: str) -> GpuPeaks | None:
    """Return a GPU's peaks by its whole name; None for one that the file does not list."""
    return _by_name().get(_normalised(name))


def mistakes_about(name: str | None) -> list[Mistake]:
    """Return the wrong peaks that known trainers take for a GPU; None: its name is not known."""
    normal = _normalised(name or "")
    about = {"every"} if normal in _by_name() else {"every", "unknown"}
    return [
        mistake
        for mistake in content().mistakes
        if mistake.about in about or normal in map(_normalised, mistake.gpus)
    ]


@functools.cache
def _by_name() -> dict[str, GpuPeaks]:
    return {_normalised(name): gpu for gpu in content().gpus for name in gpu.names}


def _normalised(name: str) -> str:
    """Return a name in lower case, its words parted by single spaces, without the maker's."""
    words = " ".join(re.split(r"[\s_-]+", name.casefold().strip()))
    makers = _MAKERS.match(words)
    return words[makers.end() :] if makers else words
