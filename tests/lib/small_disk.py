"""small_disk.py - a file system of a few hundred kilobytes, for tests that fill it. Needs root."""

import os
import subprocess


def mount(case, size):
    """At the folder `small` of a weir.Case; skips the test where there is none to be had."""
    folder = case.path("small")
    os.mkdir(folder)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=" + size, "weir-test", folder],
        stderr=subprocess.PIPE,
        text=True,
    )
    if mounted.returncode:
        case.skipTest("no small file system to be had: " + mounted.stderr.strip())
    return folder


def grow(folder, size):
    subprocess.run(["mount", "-o", "remount,size=" + size, folder], check=True)


def unmount(folder):
    subprocess.run(["umount", "-l", folder], stderr=subprocess.DEVNULL)
