"""lacking.py NUMBER COMMAND... - runs a command under a kernel that does not know a system call: a
filter answers ENOSYS (tests/lib/lacking.h is the same in C). Exit code 77: no filter can be set."""

import ctypes
import os
import struct
import sys

OPENAT2, LANDLOCK = 437, 444  # the same on every architecture
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2
LOAD_NUMBER, IF_EQUAL, ANSWER = 0x20, 0x15, 0x06
ALLOW, ENOSYS = 0x7FFF0000, 0x00050000 | 38


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def lack(number):
    """Whether the filter is set, on this process and all it starts."""
    code = [(LOAD_NUMBER, 0, 0, 0), (IF_EQUAL, 0, 1, number), (ANSWER, 0, 0, ENOSYS),
            (ANSWER, 0, 0, ALLOW)]
    program = Program(len(code), b"".join(struct.pack("HBBI", *line) for line in code))
    c = ctypes.CDLL(None)
    return not c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) and not c.prctl(
        PR_SET_SECCOMP, FILTER, ctypes.byref(program))


if __name__ == "__main__":
    if not lack(int(sys.argv[1])):
        sys.exit(77)
    os.execv(sys.argv[2], sys.argv[2:])
