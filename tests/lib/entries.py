"""entries.py - catalogue entries as docs/FORMAT.md describes them, written in Python: a check of
that document by another hand, and the quick way to a server with thousands of jobs.

checksum64 is XXH3_64bits with a seed (Collet, xxHash specification, 0.8), for 17 to 240 bytes: an
entry's two parts are kept within that."""

import json
import os

SEED = 0x316D757372696577
MASK = (1 << 64) - 1
PRIME64_1 = 0x9E3779B185EBCA87
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
SECRET_SIZE_MIN = 136


def _word(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def _mix(data, at, secret):
    low = _word(data, at) ^ ((_word(SECRET, secret) + SEED) & MASK)
    high = _word(data, at + 8) ^ ((_word(SECRET, secret + 8) - SEED) & MASK)
    product = low * high
    return (product & MASK) ^ (product >> 64)


def _avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ (h >> 32)


def checksum64(data):
    n = len(data)
    if not 16 < n <= 240:
        raise ValueError("a part of %d bytes" % n)
    acc = n * PRIME64_1
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            acc += _mix(data, 16 * i, 32 * i) + _mix(data, n - 16 * (i + 1), 32 * i + 16)
        return _avalanche(acc & MASK)
    acc = _avalanche((acc + sum(_mix(data, 16 * i, 16 * i) for i in range(8))) & MASK)
    acc += sum(_mix(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, n // 16))
    acc += _mix(data, n - 16, SECRET_SIZE_MIN - 17)
    return _avalanche(acc & MASK)


def encode(name, standing, job, **facts):
    """The bytes of an entry."""
    job = job.encode()
    facts = {"name": name, "standing": standing, **facts}
    facts.setdefault("submitted_wall_us", 1790000000000000)
    facts.setdefault("since_wall_us", 1790000000000000)
    text = json.dumps(facts).encode() + b"\n"
    first = "weir-entry 1 %08d %016x %08d %016x\n" % (
        len(text), checksum64(text), len(job), checksum64(job),
    )
    if len(first) != 65:
        raise ValueError(first)
    return first.encode() + text + job


def write(data, name, standing, job, version=1, **facts):
    """Into the catalogue of a data directory, as no server would: at once, and not durable."""
    path = os.path.join(data, "catalogue", "%s.%020d" % (name, version))
    with open(path, "wb") as f:
        f.write(encode(name, standing, job, **facts))


def decode(path):
    """The facts and the description of an entry a server wrote. Sums are looked at as far as
    checksum64 goes."""
    with open(path, "rb") as f:
        data = f.read()
    magic, version, facts_len, facts_sum, job_len, job_sum = data[:64].decode().split(" ")
    facts, job = data[65 : 65 + int(facts_len)], data[65 + int(facts_len) :]
    if (magic, version, data[64:65]) != ("weir-entry", "1", b"\n") or len(job) != int(job_len):
        raise ValueError("no entry: %r" % data[:80])
    for part, sum in ((facts, facts_sum), (job, job_sum)):
        if 16 < len(part) <= 240 and "%016x" % checksum64(part) != sum:
            raise ValueError("a wrong sum: %r" % part)
    return json.loads(facts), job
