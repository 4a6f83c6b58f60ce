"""png.py - a picture of a page with at most 256 colours: a third of the bytes, and nobody sees it.

    small = png.fewer_colours(data)  # of what a browser writes: 8 bits, RGB(A), not interlaced
"""

import collections
import struct
import zlib

COLOURS, EXACT = 256, 64  # in all; those of the large areas
MAGIC = b"\x89PNG\r\n\x1a\n"


def chunks(data):
    at = len(MAGIC)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def unfiltered(kind, row, above, size):
    """A line of bytes as they were before PNG's filter."""
    for i in range(len(row)):
        a = row[i - size] if i >= size else 0
        b, c = above[i], above[i - size] if i >= size else 0
        if kind == 1:
            guess = a
        elif kind == 2:
            guess = b
        elif kind == 3:
            guess = (a + b) // 2
        else:
            p = a + b - c
            guess = min((a, b, c), key=lambda n: abs(p - n))
        row[i] = (row[i] + guess) & 255
    return row


def pixels(data):
    """Width, height, and a list of (r, g, b) for each line."""
    parts = list(chunks(data))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if depth != 8 or kind not in (2, 6) or interlaced:
        raise ValueError("not such a picture")
    size = 3 if kind == 2 else 4
    raw = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    lines, above, step = [], bytearray(width * size), width * size + 1
    for at in range(0, height * step, step):
        row = bytearray(raw[at + 1 : at + step])
        above = unfiltered(raw[at], row, above, size) if raw[at] else row
        lines.append(list(zip(above[0::size], above[1::size], above[2::size])))
    return width, height, lines


def fewer_colours(data):
    width, height, lines = pixels(data)
    often = collections.Counter(p for line in lines for p in line)
    ranked = [p for p, _ in often.most_common()]
    palette, alike = ranked[:EXACT], {}
    for p in ranked[EXACT:]:  # else the greys of the letters leave no room for a thin red line
        alike.setdefault(tuple(c >> 4 for c in p), p)
    palette += list(alike.values())[: COLOURS - len(palette)]
    index = {p: i for i, p in enumerate(palette)}
    for p in often:
        if p not in index:
            near = min(palette, key=lambda q: sum((a - b) ** 2 for a, b in zip(p, q)))
            index[p] = index[near]
    raw = b"".join(b"\0" + bytes(map(index.__getitem__, line)) for line in lines)

    def chunk(name, body):
        crc = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return (MAGIC + chunk(b"IHDR", head) + chunk(b"PLTE", bytes(sum(palette, ())))
            + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))
