"""small_disk.py - a file system of a few hundred kilobytes, for tests that fill it, or make it
read-only. Needs root; what is mounted is seen by the test's own processes only."""

import ctypes
import os
import subprocess

CLONE_NEWNS = 0x00020000
private = False  # this process has its own mounts


def unshare():
    """Once, before the first mount: from then on nobody else sees them."""
    global private
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and not private and libc.unshare(CLONE_NEWNS) == 0:
        made = subprocess.run(["mount", "--make-rprivate", "/"], stderr=subprocess.DEVNULL)
        private = made.returncode == 0


def mount(case, size):
    """At the folder `small` of a weir.Case; skips the test where there is none to be had. size may
    have more options behind it: "64m,nr_inodes=40"."""
    unshare()
    if not private:
        case.skipTest("a small file system needs root, and mounts of its own (unshare -m)")
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


def inodes(folder, n):
    subprocess.run(["mount", "-o", "remount,nr_inodes=%d" % n, folder], check=True)


def read_only(folder):
    """From now on, for whatever is opened by its path. Made read-only beside it and then moved over
    it: on a mount that somebody writes to already it would be refused as busy."""
    beside = folder + ".ro"
    os.mkdir(beside)
    subprocess.run(["mount", "--bind", folder, beside], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", beside], check=True)
    subprocess.run(["mount", "--move", beside, folder], check=True)
    os.rmdir(beside)


def writable_again(folder):
    subprocess.run(["umount", "-l", folder], check=True)


def unmount(folder):
    subprocess.run(["umount", "-l", folder], stderr=subprocess.DEVNULL)
