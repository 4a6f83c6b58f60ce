"""tidy: what a reader would complain about, and what the linker cannot see. Takes a build folder.

Each check yields complaints "file:line: what"; all of them are printed, any of them fails.
"""

import concurrent.futures
import fnmatch
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release")

# Who may include whom: a folder and those before it, but for the siblings.
LAYERS = ["base", "state", "checkpoint", "runtime", "operators", "jobs", "server", "cli"]
SIBLINGS = [{"state", "checkpoint"}]

# Each foreign library's header has its doors: the files that may include it.
DOORS = {
    r"uv\.h": ["base/waker.c", "jobs/loop.c"],
    r"microhttpd\.h": ["server/http*.c", "server/http_in.h"],
    r"curl/.*\.h": ["cli/client.c"],
    r"dlfcn\.h": ["base/library.c", "tests/unit/operators/test_expr_parse.c"],
    r"jansson\.h": ["base/json*.c"],
    r"xxhash\.h": ["base/hash.c", "bench/floor/checksum.h"],
    r"lz4(hc|frame)?\.h": ["checkpoint/block.c", "bench/floor/w3.c"],
    r"pg_query.*\.h": ["operators/expr_parse.c"],
    r"protobuf-c/.*|.*\.pb-c\.h": ["operators/expr_parse.c"],
    r"cmocka\.h": ["tests/lib/test.h"],
}

# Symbols in .data and .bss that are no mutable state of ours. Say why.
GLOBALS_ALLOWED = {r"__.*|_ITM.*|completed\.\d+": "the compiler's"}

FILE_LINES, LINE_COLUMNS, README_LINES, ARCHITECTURE_LINES = 600, 100, 120, 250


def tracked():
    """The project's files: what git knows or would add."""
    args = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"]
    r = subprocess.run(args, cwd=ROOT, capture_output=True, text=True)
    names = r.stdout.split("\n") if r.returncode == 0 else without_git()
    return sorted(n for n in names if n and os.path.isfile(os.path.join(ROOT, n)))


def without_git():
    for where, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
        for name in names:
            yield os.path.relpath(os.path.join(where, name), ROOT)


def text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def code(names, *endings):
    return [n for n in names if n.endswith(endings or (".c", ".h"))]


def includes(name):
    """(line, header, whether in angle brackets) of each include."""
    for i, line in enumerate(text(name).split("\n"), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            yield i, m.group(2), m.group(1) == "<"


def upward_includes(names):
    for name in code(names):
        own = name.split("/")[0]
        if own not in LAYERS:
            continue
        for line, header, _ in includes(name):
            other = header.split("/")[0]
            if other == "tests":
                yield "%s:%d: includes %s" % (name, line, header)
            if other not in LAYERS or other == own:
                continue
            up = LAYERS.index(other) > LAYERS.index(own)
            if up or {own, other} in SIBLINGS:
                yield "%s:%d: %s may not include %s" % (name, line, own, header)


def doors(names):
    for name in code(names):
        for line, header, foreign in includes(name):
            for pattern, allowed in DOORS.items():
                if not foreign or not re.fullmatch(pattern, header):
                    continue
                if not any(fnmatch.fnmatch(name, door) for door in allowed):
                    yield "%s:%d: <%s> goes through %s" % (name, line, header, allowed[0])


def sizes(names):
    for name in code(names, ".c", ".h", ".py", ".sh", "CMakeLists.txt", ".cmake"):
        lines = text(name).split("\n")
        if len(lines) - 1 > FILE_LINES:
            yield "%s:1: %d lines; a file is a concept" % (name, len(lines) - 1)
        for i, line in enumerate(lines, 1):
            if len(line.expandtabs(4)) > LINE_COLUMNS:
                yield "%s:%d: %d columns" % (name, i, len(line.expandtabs(4)))
    for name, limit in (("README.md", README_LINES), ("docs/ARCHITECTURE.md", ARCHITECTURE_LINES)):
        if name in names and text(name).count("\n") > limit:
            yield "%s:1: %d lines, %d at most" % (name, text(name).count("\n"), limit)


def marks(names):
    mark = re.compile("TO" + r"DO\b|FIX" + r"ME\b")
    for name in code(names, ".c", ".h", ".py", ".sh", ".txt", ".cmake", ".md", "Makefile"):
        for i, line in enumerate(text(name).split("\n"), 1):
            if mark.search(line):
                yield "%s:%d: an unfinished thought: %s" % (name, i, line.strip()[:60])


def first_lines(names):
    for name in code(names):
        if not text(name).startswith("/* "):
            yield "%s:1: line one says what the file is and why" % name


def headers_alone(names):
    """Each header compiles without anything before it."""
    command = "gcc -std=gnu17 -D_GNU_SOURCE -DXXH_INLINE_ALL -I. -fsyntax-only -Wall -Wextra"
    command += " -Werror -Wno-unused -Wno-missing-field-initializers -x c -"

    def compile(name):
        # Twice: it has to bear that too.
        source = '#include "%s"\n' % name * 2
        r = subprocess.run(command.split(), cwd=ROOT, input=source, capture_output=True, text=True)
        if r.returncode:
            said = [line for line in r.stderr.split("\n") if "error" in line] or [r.stderr]
            return "%s:1: does not compile alone: %s" % (name, said[0][:200])
        return None

    # Headers below tests/ may be X-macro lists or tables; the layers' are all modules.
    headers = [n for n in code(names, ".h") if n.split("/")[0] in LAYERS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(compile, headers))


def mutable_globals(names):
    """Symbols of the layers' objects in writable sections: state that nobody owns."""
    for layer in LAYERS:
        objects = os.path.join(BUILD, "CMakeFiles", layer + ".dir")
        for path in sorted(glob.glob(os.path.join(objects, "**", "*.o"), recursive=True)):
            source = os.path.relpath(path, objects)[:-2]
            if source not in names:
                continue  # built before it was removed
            out = subprocess.run(["objdump", "-t", path], capture_output=True, text=True).stdout
            for line in out.split("\n"):
                # value, flags, section, size, name; .data.rel.ro is const, but for the loader
                m = re.match(
                    r"[0-9a-f]+ .{7} (\.t?(?:data|bss)\S*)\s+[0-9a-f]+ (?:\.\w+ )?(\S+)", line
                )
                if not m or m.group(1).startswith(".data.rel.ro") or m.group(2) == m.group(1):
                    continue
                if not any(re.fullmatch(p, m.group(2)) for p in GLOBALS_ALLOWED):
                    yield "%s:1: mutable global %s" % (source, m.group(2))


def sleeps(names):
    """A test waits for a condition (weir.until), or says what else it is (some_moment, pause)."""
    for name in code(names, ".py", ".c", ".h"):
        if not re.match(r"tests/(e2e|fuzz|model|proof|sim|unit)/", name):
            continue
        for n, line in enumerate(text(name).split("\n"), 1):
            if re.search(r"\btime\.sleep\(|\b(u|nano)?sleep\(", line):
                yield "%s:%d: sleeps; a test waits for something: weir.until" % (name, n)


def valid_json(names):
    for name in code(names, ".json"):
        try:
            json.loads(text(name))
        except ValueError as e:
            if not name.startswith("tests/"):
                yield "%s:1: %s" % (name, e)


CHECKS = [
    upward_includes,
    doors,
    sizes,
    marks,
    first_lines,
    headers_alone,
    mutable_globals,
    sleeps,
    valid_json,
]


def main():
    names = tracked()
    complaints = 0
    for check in CHECKS:
        for complaint in check(names):
            print("%s: %s" % (check.__name__, complaint))
            complaints += 1
    print("%d files, %d checks, %d complaints" % (len(names), len(CHECKS), complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
