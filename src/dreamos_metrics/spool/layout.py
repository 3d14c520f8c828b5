"""Layout of a values file: a row of blocks, each of names or of values.

::

    head    magic | sequence number | size of the first block | length of the header   (8 bytes
    each)
            the header, JSON
            records, to the end of the first block
    block   kind | size in bytes                                                       (8 bytes
    each)
            records (kind `NAMES`) or doubles (kind `VALUES`)
    block   ...

A record is its length (4 bytes, written last, so that a half-written record does not exist), then
JSON: a family, or a series with the place of its first slot. Each is written once. Blanks behind
the JSON keep every record on a multiple of 4 bytes, and every number on a multiple of its size:
each is one store of the machine, so that a kill leaves it as it was or as it will be. All of it is
little-endian.
"""

from __future__ import annotations

import mmap
import struct

MAGIC = b"DREAMOS1"
NAMES, VALUES = 1, 2

HEAD = struct.Struct("<8sQQQ")
BLOCK = struct.Struct("<QQ")
LENGTH = struct.Struct("<I")
SEQUENCE_OFFSET = 8
#: Bytes of a number in the head and of a block's kind and size.
WORD = 8

MIN_BLOCK_BYTES = max(16384, mmap.ALLOCATIONGRANULARITY)
MAX_BLOCK_BYTES = 1 << 20
