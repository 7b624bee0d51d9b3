"""Who held a GPU's memory when it ran out, from the error message."""

import re

_GIB = {b"bytes": 2.0**-30, b"KiB": 2.0**-20, b"MiB": 2.0**-10, b"GiB": 1.0, b"TiB": 1024.0}
_SIZE = rb"(\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB|TiB)"
_TOTAL = re.compile(rb"total capaci?ty of " + _SIZE + rb"|" + _SIZE + rb" total capacity")
_FREE = re.compile(_SIZE + rb" (?:is )?free")
_MINE = re.compile(rb"this process has " + _SIZE)
_RESERVED = re.compile(_SIZE + rb" reserved in total by PyTorch")
_PARTS = (  # that add up to what PyTorch holds
    re.compile(_SIZE + rb" (?:already allocated|is allocated by PyTorch)"),
    re.compile(_SIZE + rb" (?:cached|is reserved by PyTorch but unallocated)"),
)
_GPU = re.compile(rb"GPU (\d+)")
CONTEXT_GIB = 2.0  # what CUDA, cuDNN and NCCL may take of their own, unseen by PyTorch


def held_by_others(line: bytes) -> tuple[str, str] | None:
    """Return what other processes held of the GPU, and the remedy; None if little or unknown.

    Only PyTorch prints total, free and its own memory. The rest belongs to others or to CUDA.
    """
    total, free, mine = _gib(_TOTAL, line), _gib(_FREE, line), _own_gib(line)
    if total is None or free is None or mine is None:
        return None
    others = total - free - mine
    if others < max(CONTEXT_GIB, total / 8):
        return None
    gpu = _GPU.search(line)
    name = f"GPU {gpu[1].decode()}" if gpu else "the GPU"
    detail = f"other processes held about {others:.1f} of {total:.1f} GiB of {name}"
    return detail, (
        f"end the other processes on {name} (nvidia-smi lists them), or choose other GPUs with"
        " CUDA_VISIBLE_DEVICES"
    )


def _own_gib(line: bytes) -> float | None:
    total = _gib(_MINE, line)
    total = _gib(_RESERVED, line) if total is None else total
    if total is not None:
        return total
    parts = [_gib(each, line) for each in _PARTS]
    return None if parts[0] is None else sum(part or 0.0 for part in parts)


def _gib(pattern: "re.Pattern[bytes]", line: bytes) -> float | None:
    size = pattern.search(line)
    if size is None:
        return None
    number, unit = [group for group in size.groups() if group is not None]
    return float(number) * _GIB[unit]
