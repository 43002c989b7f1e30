"""The Arrow schema that pandas, Polars and pyarrow store in a footer, next to the schema of Parquet.

It is read without pyarrow, which refuses all of it for one type that it does not know, such as the 128-bit integers of
Polars. It is a message of FlatBuffers, as Message.fbs and Schema.fbs of Arrow define it.
"""

from __future__ import annotations

import base64
import struct

_NEW_MESSAGE = b"\xff\xff\xff\xff"
# Positions of fields in their tables.
_MESSAGE_HEADER, _SCHEMA_FIELDS, _FIELD_NAME, _FIELD_TYPE = 2, 1, 0, 2
_DURATION = 18


def duration_columns(stored: bytes) -> frozenset[str]:
    """Return the columns whose values are durations, also if they are dictionary-encoded.

    :param stored: the value of the key `ARROW:schema`
    :return: no column if the schema cannot be read
    """
    try:
        message = base64.b64decode(stored)
        root = _follow(message, 8 if message.startswith(_NEW_MESSAGE) else 4)
        schema = _follow(message, _place(message, root, _MESSAGE_HEADER))
        fields = _follow(message, _place(message, schema, _SCHEMA_FIELDS))
        (count,) = struct.unpack_from("<I", message, fields)
        tables = (_follow(message, fields + 4 + 4 * number) for number in range(count))
        return frozenset(_name(message, table) for table in tables if _type(message, table) == _DURATION)
    except (ValueError, IndexError, struct.error):
        return frozenset()


def _follow(message: bytes, place: int) -> int:
    """Return the place to which the offset at a place points."""
    return place + int(struct.unpack_from("<I", message, place)[0])


def _place(message: bytes, table: int, field: int) -> int:
    """Return where a field of a table is stored.

    :raises ValueError: the table does not have it
    """
    offsets = table - struct.unpack_from("<i", message, table)[0]
    (size,) = struct.unpack_from("<H", message, offsets)
    offset = struct.unpack_from("<H", message, offsets + 4 + 2 * field)[0] if 4 + 2 * field < size else 0
    if not offset:
        raise ValueError(field)
    return table + int(offset)


def _name(message: bytes, field: int) -> str:
    start = _follow(message, _place(message, field, _FIELD_NAME))
    (size,) = struct.unpack_from("<I", message, start)
    return message[start + 4 : start + 4 + size].decode()


def _type(message: bytes, field: int) -> int:
    return message[_place(message, field, _FIELD_TYPE)]
