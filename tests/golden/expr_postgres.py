#!/usr/bin/env python3
"""Writes expr_postgres.txt: expressions, rows, and PostgreSQL's own answers for them.

Why: PostgreSQL is the reference for what weir's expressions mean; tests/unit/operators/
test_expr_golden.c holds weir to this file. Needs a PostgreSQL 15 server on this machine (as root it
is run by the user `postgres`); the file is checked in, so tests need none.

  python3 tests/golden/expr_postgres.py        (about ten seconds)

Lines: T fields, R a row, E type and expression, = the answers row by row. Fields are separated by
tabs; \\N is null, !CODE an error with its SQLSTATE. \\t \\n \\r \\\\ are escaped.
"""
import glob, os, subprocess, sys, tempfile

FIELDS = [("x", "int64", "bigint"), ("y", "int64", "bigint"), ("f", "float64", "float8"),
          ("g", "float64", "float8"), ("s", "string", "text"), ("u", "string", "text"),
          ("b", "bool", "bool"), ("c", "bool", "bool"), ("t", "timestamp", "timestamp")]
MAX, MIN = "9223372036854775807", "-9223372036854775808"
ROWS = [
    ["0", "0", "0", "0", "", "", "false", "false", "1970-01-01 00:00:00"],
    ["1", "2", "1", "2", "a", "b", "true", "false", "2024-02-29 12:34:56.789"],
    ["-1", "-1", "-1", "0.5", "abc", "b", "true", "true", "1969-12-31 23:59:59.999999"],
    ["7", "-2", "2.5", "-2.5", "Hello, World", "o", "false", "true", "2000-01-01 00:00:00"],
    ["-7", "2", "3.5", "1e300", "the quick brown fox jumps over the lazy dog", "quick", "true",
     "false", "9999-12-31 23:59:59.999999"],
    [MAX, "1", "1e300", "1e300", "a%b_c\\d", "%", "true", "true", "0001-01-01 00:00:00"],
    [MIN, "-1", "-1e300", "1e-300", "  padded\ttext  ", " ", "false", "false",
     "2026-11-21 14:46:00.5"],
    [MIN, MAX, "1e-320", "1e-310", "äöü ÄÖÜ ß €", "ü", "true", "true",
     "1999-12-31 00:00:00.000001"],
    ["42", "42", "NaN", "1", "42", "42", "true", "true", "2024-02-29 12:34:56.789"],
    ["42", "10", "Infinity", "NaN", "  -17 ", "4.25", "false", "true", "2100-03-01 01:02:03"],
    ["10", "3", "-Infinity", "Infinity", "12345678901234567890", "1e400", "true", "false",
     "1900-01-01 10:00:00"],
    ["100", "-3", "-0", "0", "true", "off", "false", "true", "2038-01-19 03:14:07"],
    ["-9", "4", "9007199254740993", "0.1", "yes", "2024-01-31", "true", "false",
     "1582-10-15 00:00:00"],
    ["3000000000", "4000000000", "123456789.125", "1e15", "aXbXXc", "X", "true", "false",
     "1600-02-29 23:59:60"],
    ["5", "0", "1e14", "1e-5", "exactly12byt", "exactly12byt", "false", "false",
     "2001-09-09 01:46:40"],
    ["12", "5", "0.0001", "1e21", "thirteenbytes", "thirteenbytez", "true", "true",
     "2024-12-31 23:59:59.1"],
    ["12", "5", "0.1", "0.2", "prefix-aaaaaaaaaaaaaaa", "prefix-aaaaaaaaaaaaaab", "true", "true",
     "2024-06-30 12:00:00"],
    [None, "1", None, "1", None, "b", None, "true", None],
    ["1", None, "1", None, "abc", None, "true", None, "2024-02-29 00:00:00"],
    [None, None, None, None, None, None, None, "false", None],
    [None, "0", None, "0", None, "", None, None, None],
    ["2", "2", "2", "2", "€€€", "€", "false", None, "1970-01-01 00:00:01"],
    ["65", "8", "6.5", "-1.5", "%", "\\", "true", "false", "2024-02-29 12:34:56.789"],
    ["-100", "7", "0.5", "1.5", "aaaa", "aa", "false", "true", "1970-01-02 00:00:00"],
]

def expressions():
    nums = ["x", "y", "f", "g", "3", "(-2)", "0", "2.5::float8"]
    for op in ["+", "-", "*", "/"]:
        for a in nums:
            for b in nums:
                if a[0] in "xyfg" or b[0] in "xyfg":
                    yield f"{a} {op} {b}"
    for a, b in [("x", "y"), ("x", "3"), ("x", "(-1)"), ("100", "y"), ("x", "0"), ("x", "x"),
                 ("y", "x")]:
        yield f"{a} % {b}"
        yield f"mod({a}, {b})"
    pairs = [("x", "y"), ("x", "42"), ("42", "x"), ("f", "g"), ("f", "2.5::float8"), ("x", "f"),
             ("g", "y"), ("s", "u"), ("s", "'abc'"), ("'b'", "u"), ("s", "'thirteenbytes'"),
             ("b", "c"), ("b", "true"), ("t", "timestamp '2024-02-29 12:34:56.789'"), ("t", "t"),
             ("x", "'42'"), ("t", "'2000-01-01'"), ("f", "'NaN'"), ("x", "null"), ("s", "''"),
             ("x", "(-1)"), ("x", MIN[0] + MIN[1:]), ("x", MAX), ("x", "(-2147483648)"), ("f", "x"),
             ("u", "s")]
    for op in ["=", "<>", "!=", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"]:
        for a, b in pairs:
            yield f"{a} {op} {b}"
    for a, b in [("b", "c"), ("b", "true"), ("b", "false"), ("b", "null"), ("x > 0", "y > 0"),
                 ("b", "x / y > 1"), ("x <> 0", "10 / x > 2"), ("c", "s like 'a%'")]:
        for op in ["and", "or"]:
            yield f"{a} {op} {b}"
            yield f"not ({a} {op} {b})"
            yield f"({b}) {op} {a}" if "/" not in b else f"{a} {op} ({b}) {op} c"
    for w in ["null", "not null", "true", "false", "unknown", "not true", "not false",
              "not unknown"]:
        yield f"b is {w}"
    for v in ["x", "f", "s", "t", "b", "x + y", "null"]:
        if v != "x + y":
            yield f"{v} is null"
        yield f"{v} is not null"
    yield from ["not b", "not not c", "not null::bool", "b = (x > 0)", "b is null or c",
                "b and c and x > 0 or c"]
    for e in ["x in (1, 2, 42)", "x not in (1, 2, 42)", "x in (1, null)", "x not in (1, null)",
              "x in (y, 1)", "s in ('a', 'abc', 'thirteenbytes')", "s not in ('a', null, 'b')",
              "f in (1, 2.5::float8)", "b in (true)", "b in (c, null)", "x in (null)",
              "null in (1, 2)", "f in (x, 'NaN')", "t in ('2000-01-01', '1970-01-01')",
              "x in ('42', 1)", "s in (u)"]:
        yield e
    for a, lo, hi in [("x", "0", "50"), ("x", "y", "100"), ("x", "null", "5"), ("x", "5", "null"),
                      ("f", "-1", "3"), ("s", "'a'", "'b'"), ("t", "'1970-01-01'", "'2000-01-01'"),
                      ("x", "-7", "y"), ("y", "x", "x"), ("s", "u", "'zzz'")]:
        yield f"{a} between {lo} and {hi}"
        yield f"{a} not between {lo} and {hi}"
    for a in ["s", "u"]:
        for p in ["'a%'", "'%a'", "'%a%'", "'abc'", "'%'", "''", "'_'", "'___'", "'a%c'", "'%o%o%'",
                  "'%\\%%'", "'%\\_%'", "'\\a%'", "'_ö%'", "'%€'", "'a%\\'", "'%q_ick%'",
                  "'%the%dog'", "'%%'", "'%_'", "null", "u", "'%' || u || '%'", "'a\\'"]:
            yield f"{a} like {p}"
            yield f"{a} not like {p}"
    yield from [
        "case when x = 0 then 0 else 10 / x end",
        "case when x > 0 then 'pos' when x < 0 then 'neg' end",
        "case x when 1 then 'one' when 42 then s else u end", "case when b then x else y end",
        "case when b then x else f end", "case s when u then 1 else 0 end",
        "case b when true then c end", "case when null then 1 else 2 end",
        "case when b then null else x end", "case x when null then 1 end",
        "case when b then s when c then u else 'a literal of some length' end",
        "case when x > 0 and y > 0 then x / y end", "case when y <> 0 then x / y else null end",
        "case f when 'NaN' then 1 when 1 then 2 else 3 end",
        "case when b is null then t else '2000-01-01' end",
        "case when x between 0 and 10 then 1 else 1 / (y - y) end",
        "case when s like '%o%' then upper(s) else lower(u) end", "coalesce(x, y)",
        "coalesce(x, 0)", "coalesce(null, x, y, 5)", "coalesce(s, u, 'none at all, really')",
        "coalesce(f, x)", "coalesce(x, 1 / (y - y))", "coalesce(b, c)", "coalesce(t, '2000-01-01')",
        "coalesce(null, s)", "coalesce(y, 10 / x)", "nullif(x, y)", "nullif(x, 42)", "nullif(s, u)",
        "nullif(s, '')", "nullif(f, 1)", "nullif(x, f)", "nullif(b, true)", "greatest(x, y)",
        "least(x, y)", "greatest(x, y, 5)", "least(f, g)", "greatest(f, g)", "greatest(s, u)",
        "least(s, u, 'b')", "greatest(x, null)", "least(null, null, x)", "greatest(b, c)",
        "least(t, '2000-01-01')", "greatest(x, f)", "-x", "+x", "-f", "- - x", "-(-x)", "abs(x)",
        "abs(f)", "abs(y)", "- (x + 1)", "x::float8", "f::bigint", "g::bigint", "x::text",
        "f::text", "g::text", "b::text", "t::text", "s::bigint", "s::float8", "u::float8",
        "s::bool", "u::bool", "u::timestamp", "t::text::timestamp", "x::text::bigint",
        "f::text::float8", "b::int", "cast(x as text)", "cast(x as double precision)",
        "cast(s as varchar)", "'12'::bigint + x", "'1.5'::float8 * f", "(x > 0)::text",
        "(0.5::float8 + x)::bigint", "(x / 10::float8)::text", "(f * 3)::text", "null::bigint + x",
        "null::text", "x::text::float8::bigint", "lower(s)", "upper(s)", "lower(u)", "upper(u)",
        "length(s)", "length(u)", "char_length(s)", "octet_length(s)", "length(s) + x",
        "lower(s) = s", "trim(s)", "trim(both from s)", "trim(leading from s)",
        "trim(trailing from s)", "trim(both 'a' from s)", "btrim(s)", "btrim(s, u)",
        "ltrim(s, 'a ')", "rtrim(s, 'g €d')", "ltrim(s)", "rtrim(s)", "btrim(s, '')",
        "btrim(s, null)", "trim(both 'äßü€ ' from s)", "substr(s, 2)", "substr(s, 1, 3)",
        "substr(s, -1, 3)", "substr(s, 0)", "substr(s, 2, 0)", "substr(s, 100)",
        "substr(s, 3, 1000)", "substring(s, 2, 3)", "substring(s from 2)",
        "substring(s from 2 for 4)", "substring(s for 3)", "substr(s, 2, -1)", "substr(s, -5, 2)",
        "substr(s, 5, 13)", "substr(s, length(u))", "strpos(s, u)", "strpos(s, 'o')",
        "position('o' in s)", "position(u in s)", "strpos(s, '')", "strpos(s, 'Ö')",
        "replace(s, 'a', 'bb')", "replace(s, 'X', '')", "replace(s, u, '<>')",
        "replace(s, '', 'x')", "replace(s, 'o', 'ooooooooooooooooooooo')", "replace(s, 'aa', 'a')",
        "replace(s, ' ', null)", "split_part(s, ' ', 1)", "split_part(s, ' ', 3)",
        "split_part(s, ' ', -1)", "split_part(s, ' ', -2)", "split_part(s, 'X', 2)",
        "split_part(s, 'X', 3)", "split_part(s, '', 1)", "split_part(s, '', 2)",
        "split_part(s, u, 1)", "split_part(s, u, 2)", "split_part(s, ',', 100)",
        "split_part(s, ',', 0)", "split_part(s, ',', -100)", "split_part('a,b,c', ',', 2)",
        "s || u", "s || 'x'", "'x' || s || 'y'", "x || s", "s || x", "s || b", "s || f", "x || 'a'",
        "s || null", "concat(s, u)", "concat(s, x, b, f)", "concat(null, s)", "concat(b, t)",
        "concat('a')", "concat(s, ' and a long tail that is no view')", "upper(s || u)",
        "lower(upper(s)) = lower(s)", "length(s || u) = length(s) + length(u)", "x + y * 2 - 3",
        "(x + y) * 2", "x + y > 10 and not b", "x * x", "x * y", "x - y - 1",
        "y / 2 * 2 + y % 2 = y", "f > g or f <= g", "f = f", "f <> f", "-0.0::float8 = 0", "f / g",
        "x / 2", "x / -1", "x % -1", "2147483648 + x", f"{MAX} - y", f"{MIN} + y",
        "-2147483648 - y", "-9223372036854775808 = x", "9223372036854775807 = x", "x = -1", "x = 0",
        "x = - 1", "x=-2147483648", "'it''s' || s", "E'a\\tb' || s", "$$dollar$$ || s",
        "U&'\\0041' || s", "s /* comment */ || u -- end", "\"s\" || \"u\"",
        "s = 'a' or s = 'abc' or s like 'H%'", "1e3::float8 + f", "x in (1) or x in (2, 7)",
        "(b or c) and (not b or x > 5)",
        "case when b then case when c then 1 else 2 end else 3 end",
        "timestamp '2024-03-01 00:00:00' > t", "t = '2024-02-29 12:34:56.789'::timestamp",
        "'t'::bool", "'1.5'::float8", "x::bigint::float8::text", "x::text like '%4%'",
        "substr(x::text, 1, 1)", "true", "'constant text'", "1 + 1", "null is null", "1 / 0",
        "case when true then 1 else 1 / 0 end", "'abc' < 'abd'", "'a' || 'b'",
    ]

def escape(v):
    return (v.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r"))

def sql_literal(v):
    return "null" if v is None else "E'" + v.replace("\\", "\\\\").replace("'", "''") + "'"

SETUP = r"""
create function try(e text, n int) returns text language plpgsql as $f$
declare r text;
begin
  execute format(E'select (%s\n)::text from t where id = %s', e, n) into r;
  return coalesce(replace(replace(replace(replace(r, '\', '\\'), E'\t', '\t'), E'\n', '\n'),
                          E'\r', '\r'), '\N');
exception when others then return '!' || sqlstate;
end $f$;
create function kind(e text) returns text language plpgsql as $f$
declare k text;
begin
  execute format(E'create temp view kind_v as select (%s\n) as v from t', e);
  select format_type(atttypid, null) into k from pg_attribute
    where attrelid = 'kind_v'::regclass and attname = 'v';
  drop view kind_v;
  return k;
exception when others then return '!' || sqlstate;
end $f$;
"""
KINDS = {"bigint": "int64", "integer": "int64", "double precision": "float64", "text": "string",
         "character varying": "string", "boolean": "bool",
         "timestamp without time zone": "timestamp"}

def as_postgres(args):
    return (["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []) + args

def main():
    bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o777)
        data, port = d + "/data", "54329"
        run = lambda *a, **k: subprocess.run(as_postgres(list(a)), check=True, cwd="/", **k)
        run(bins + "/initdb", "-D", data, "--locale=C", "--encoding=UTF8", "-A", "trust",
            stdout=subprocess.DEVNULL)
        run(bins + "/pg_ctl", "-D", data, "-w", "-o",
            f"-k {d} -p {port} -c listen_addresses= -c fsync=off", "-l", d + "/log", "start",
            stdout=subprocess.DEVNULL)
        try:
            sql = [SETUP, "create table t (id int, " + ", ".join(f"{n} {p}" for n, _,
                                                                 p in FIELDS) + ");"]
            for i, r in enumerate(ROWS):
                sql.append(f"insert into t values ({i}, " + ", ".join(map(sql_literal, r)) + ");")
            exprs = list(dict.fromkeys(expressions()))
            for e in exprs:
                q = "$q$" + e + "$q$"
                if "$$" in e:
                    q = "$zz$" + e + "$zz$"
                sql.append(f"select kind({q});")
                sql.append(f"select string_agg(try({q}, id), E'\\t' order by id) from t;")
            out = run(bins + "/psql", "-h", d, "-p", port, "-d", "postgres", "-qAtX",
                      input="\n".join(sql), text=True, capture_output=True, encoding="utf-8")
            if out.stderr:
                sys.exit(out.stderr[:2000])
            lines = out.stdout.split("\n")
        finally:
            run(bins + "/pg_ctl", "-D", data, "-m", "immediate", "stop", stdout=subprocess.DEVNULL)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(here + "/expr_postgres.txt", "w", encoding="utf-8") as f:
        f.write("T\t" + "\t".join(f"{n} {w}" for n, w, _ in FIELDS) + "\n")
        for r in ROWS:
            f.write("R\t" + "\t".join("\\N" if v is None else escape(v) for v in r) + "\n")
        for i, e in enumerate(exprs):
            kind = lines[2 * i]
            f.write(f"E\t{KINDS.get(kind, kind)}\t{e}\n=\t{lines[2 * i + 1]}\n")
    print(len(exprs), "expressions,", len(ROWS), "rows")

main()
