"""Whether weir's own files compile for arm64: vector code must have a plain form beside it.

Debian's cross compiler only looks at them (nothing is linked); the libraries' headers are this
machine's. Skipped, by name, where there is no cross compiler: it is no part of `make test`'s needs
(200 MB): apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross. Takes no build folder.
"""

import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPILER = "aarch64-linux-gnu-gcc"
FOLDERS = ["base", "state", "checkpoint", "runtime", "operators", "jobs", "server", "cli"]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-DXXH_INLINE_ALL", "-Wall", "-Wextra", "-Werror",
         "-Wno-missing-field-initializers", "-fsyntax-only", "-I", ROOT]
SKIPPED = 77


def library_headers():
    """The portable ones of /usr/include, behind those of the other machine's C library."""
    found = ["-idirafter", "/usr/include"]
    for curl in glob.glob("/usr/include/*/curl"):
        found += ["-idirafter", os.path.dirname(curl)]
    return found


def complaints(name):
    r = subprocess.run([COMPILER] + FLAGS + library_headers() + [os.path.join(ROOT, name)],
                       capture_output=True, text=True)
    return r.stderr if r.returncode else ""


def main():
    if not shutil.which(COMPILER):
        print("skipped: no %s here (Debian's gcc-aarch64-linux-gnu)" % COMPILER)
        return SKIPPED
    names = sorted(n for f in FOLDERS for n in glob.glob(f + "/*.c", root_dir=ROOT))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [text for text in pool.map(complaints, names) if text]
    print("".join(bad), end="")
    print("%d files, %d do not compile for arm64" % (len(names), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
