"""terminal.py - a small terminal: what a person sees of a program that runs on a pty.

It knows what weir may send (carriage return, line feed, cursor up, clear line, clear below,
colours) and refuses all else, so that a screen test fails for an escape that was not agreed on.
Lines longer than the width wrap, as on a real one; `wrapped` counts them. Not those of the log,
which stand above the block and may be as long as what they tell."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT")
ESCAPE = re.compile(r"\033\[([0-9;]*)([A-Za-z])")


class Screen:
    """Rows of text; rows that scroll off the top are kept in `gone`."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.line, self.row, self.column = [""], 0, 0
        self.in_log = -1  # the row in which a long line of the log goes on
        self.gone, self.wrapped, self.colours, self.pending = [], 0, 0, ""

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            c = text[at]
            if c == "\033":
                found = ESCAPE.match(text, at)
                if not found:
                    if re.fullmatch(r"\033(\[[0-9;]*)?", text[at:]):
                        self.pending = text[at:]  # the rest comes with the next read
                        return
                    raise AssertionError("an escape of its own kind: %r" % text[at : at + 12])
                self.escape(found.group(1), found.group(2))
                at = found.end()
                continue
            at += 1
            if c == "\r":
                self.column = 0
            elif c == "\n":
                self.down()
            elif c < " ":
                raise AssertionError("a control byte: %r" % c)
            else:
                self.put(c)

    def put(self, c):
        if self.column == self.columns:
            if LOG_LINE.match(self.line[self.row]):
                self.in_log = self.row + 1
            elif self.row == self.in_log:
                self.in_log += 1
            else:
                self.wrapped += 1
            self.column = 0
            self.down()
        line = self.line[self.row].ljust(self.column)
        self.line[self.row] = line[: self.column] + c + line[self.column + 1 :]
        self.column += 1

    def down(self):
        self.row += 1
        if self.row == len(self.line):
            self.line.append("")
        if self.row == self.rows:
            self.gone.append(self.line.pop(0))
            self.row -= 1
            self.in_log -= 1

    def escape(self, numbers, kind):
        if kind == "A":
            n = int(numbers or "1")
            if n > self.row:
                raise AssertionError("up by %d from row %d" % (n, self.row))
            self.row -= n
        elif kind == "K" and numbers in ("", "0"):
            self.line[self.row] = self.line[self.row][: self.column]
        elif kind == "J" and numbers in ("", "0"):
            self.line[self.row] = self.line[self.row][: self.column]
            del self.line[self.row + 1 :]
        elif kind == "m":
            self.colours += 1
        else:
            raise AssertionError("an escape that was not agreed on: ESC[%s%s" % (numbers, kind))

    def resize(self, columns, rows):
        """As most terminals do it: lines that are too long for the new width are wrapped."""
        line, row = [], 0
        for i, old in enumerate(self.line):
            if i == self.row:
                row = len(line)
            line += [old[k : k + columns] for k in range(0, max(1, len(old.rstrip())), columns)]
        over = max(0, len(line) - rows)
        self.gone += line[:over]
        self.line, self.row = line[over:], row - over
        self.columns, self.rows = columns, rows

    def text(self):
        return "\n".join(line.rstrip() for line in self.line).rstrip("\n")


class Terminal:
    """A program on a pty: its standard output and error are the terminal."""

    def __init__(self, args, cwd, columns, rows=24, env=None):
        self.master, slave = pty.openpty()
        self.resize_fd(columns, rows)
        self.screen = Screen(columns, rows)
        self.raw, self.open = b"", True
        self.popen = subprocess.Popen(
            args,
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(os.environ, **(env or {})),
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )
        os.close(slave)
        self.pid = self.popen.pid

    def resize_fd(self, columns, rows):
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def resize(self, columns, rows):
        self.look(0)
        self.resize_fd(columns, rows)
        self.look(0)
        self.screen.resize(columns, rows)

    def look(self, seconds):
        """Reads for so long; returns at once when the program is gone and all is read."""
        end = time.monotonic() + seconds
        while self.open:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                return
            try:
                got = os.read(self.master, 65536)
            except OSError:  # the other side is closed
                got = b""
            self.open = bool(got)
            self.raw += got
            self.screen.feed(got.decode("latin-1"))

    def until(self, what, condition, seconds):
        end = time.monotonic() + seconds
        while not condition(self.screen.text()):
            if time.monotonic() > end or not self.open:
                raise AssertionError("no %s on the screen:\n%s" % (what, self.screen.text()))
            self.look(0.05)

    def wait(self, seconds):
        """Reads to the end; the exit code."""
        end = time.monotonic() + seconds
        while self.open and time.monotonic() < end:
            self.look(0.1)
        return self.popen.wait(max(1, end - time.monotonic()))

    def close(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait()
        os.close(self.master)
