"""TensorBoard's event files: the scalars in them, each with its step and the time it was written.

A file is a sequence of TFRecords: the length of the data (8 bytes, little endian), its checksum,
the data, their checksum; each checksum a masked CRC-32C. The data are an `Event` in the wire format
of protocol buffers, of which four fields are read: tensorflow/core/util/event.proto and
framework/summary.proto, tensor.proto. tensorboard itself, which can read it, brings 60 MB.
"""

import functools
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import Block

HEAD_BYTES, TAIL_BYTES = 12, 4
LONGEST_BYTES = 1 << 16  # of a record that is read; longer ones are pictures and histograms
MOST_BYTES = 1 << 30  # of a record at all
_POLYNOMIAL, _MASK = 0x82F63B78, 0xA282EAD8
_FLOAT, _DOUBLE = 1, 2  # TensorFlow's numbers of types
_WIRE_VARINT, _WIRE_64, _WIRE_BYTES, _WIRE_32 = 0, 1, 2, 5


class Scalar(NamedTuple):
    """One number: its tag, its step, and the seconds since 1970 at which it was written.

    ended_at: offset in bytes behind its record.
    """

    tag: str
    step: int
    value: float
    wall_time_s: float
    ended_at: int


@functools.cache
def _table() -> tuple[int, ...]:
    """Return the checksum of each byte; most logs are no event files and need none."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)  # noqa: PLW2901 - as it is defined
        table.append(byte)
    return tuple(table)


def masked_crc(data: bytes) -> int:
    """Return the checksum of a record's part: CRC-32C (RFC 3720), rotated and masked."""
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def is_events(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is one of events."""
    return len(head) >= HEAD_BYTES and masked_crc(head[:8]) == _uint32(head, 8)


def read(blocks: Iterable[Block]) -> Iterator[Scalar]:
    """Yield the scalars of an event file, as far as it is whole. Raises MeasureError if damaged."""
    rest, at = b"", 0
    for _, block in blocks:
        rest += block
        start = 0
        while len(rest) - start >= HEAD_BYTES:
            length, crc = struct.unpack_from("<QI", rest, start)
            if length > MOST_BYTES or masked_crc(rest[start : start + 8]) != crc:
                raise _damaged(at + start)
            end = start + HEAD_BYTES + length + TAIL_BYTES
            if len(rest) < end:
                break
            if length <= LONGEST_BYTES:
                data = rest[start + HEAD_BYTES : end - TAIL_BYTES]
                if masked_crc(data) != _uint32(rest, end - TAIL_BYTES):
                    raise _damaged(at + start)
                yield from _scalars(data, at + end)
            start = end
        rest, at = rest[start:], at + start


def _damaged(offset: int) -> MeasureError:
    text = f"the event file is damaged: a record's checksum does not fit, at byte {offset}"
    return MeasureError(text, "give a whole copy of it")


def _uint32(data: bytes, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


def _scalars(event: bytes, ended_at: int) -> Iterator[Scalar]:
    """Yield the scalars of one event; none where its fields are cut off."""
    wall_time_s, step, summary = 0.0, 0, b""
    try:
        for field, value in _fields(event):
            if field == 1 and isinstance(value, bytes):
                wall_time_s = struct.unpack("<d", value)[0]
            elif field == 2 and isinstance(value, int):  # noqa: PLR2004 - fields of event.proto
                step = value if value < 1 << 63 else value - (1 << 64)
            elif field == 5 and isinstance(value, bytes):  # noqa: PLR2004 - the same
                summary = value
        for _, each in _fields(summary):
            if isinstance(each, bytes):
                tag, number = _value(each)
                if number is not None:
                    yield Scalar(tag, step, number, wall_time_s, ended_at)
    except (struct.error, IndexError):
        return


def _value(message: bytes) -> tuple[str, float | None]:
    tag, number = "", None
    for field, value in _fields(message):
        if not isinstance(value, bytes):
            continue
        if field == 1:
            tag = value.decode(errors="replace")
        elif field == 2:  # noqa: PLR2004 - fields of summary.proto
            number = struct.unpack("<f", value)[0]
        elif field == 8:  # noqa: PLR2004 - the same
            number = _tensor(value)
    return tag, number


def _tensor(message: bytes) -> float | None:
    """Return the number of a tensor that has one only, a float or a double."""
    kind, content = 0, b""
    for field, value in _fields(message):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field in (4, 5, 6) and isinstance(value, bytes):
            content = value
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind)
    if form is None or len(content) != struct.calcsize(form):
        return None
    number: float = struct.unpack(form, content)[0]
    return number


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: their numbers, and whole numbers or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == _WIRE_VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        length = {_WIRE_64: 8, _WIRE_32: 4}.get(wire)
        if length is None:
            if wire != _WIRE_BYTES:
                raise IndexError
            length, at = _varint(message, at)
        if at + length > len(message):
            raise IndexError
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, at = value | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - bits
            raise IndexError
