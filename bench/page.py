"""page.py - what the page costs: its first paint, its server, and a job that is watched.

Prints each figure beside what is asked for (docs/TESTING.md); figures are never judged. Needs
chromium and its driver.

    python3 bench/page.py [--loads 10] [--rounds 4] [--seconds 5]
"""

import argparse
import glob
import os
import re
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("WEIR", os.path.join(os.path.dirname(HERE), "build", "release", "weir"))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "lib"))
import browser
import serve
import weir

TOKEN = "a-token-of-the-bench-0123456789"
JOB = {
    "name": "clicks",
    "parallelism": 2,
    "checkpoint": {"interval": "1s"},
    "pipeline": [
        {"id": "clicks", "type": "generator_source", "rate": 20000,
         "fields": {"n": "i", "visitor": "i * 7919 % 5000"}},
        {"id": "people", "type": "filter", "expr": "visitor >= 10"},
        {"id": "views", "type": "keyed_sum", "key": "visitor", "value": "1", "as": "views"},
        {"id": "out", "type": "blackhole_sink"},
    ],
}


def processor_s(pid):
    """Seconds that all threads of a process have run, to the nanosecond."""
    total = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024


def share(pid, seconds):
    """Of one processor, while the given time goes by."""
    begin, used = time.monotonic(), processor_s(pid)
    time.sleep(seconds)
    return (processor_s(pid) - used) / (time.monotonic() - begin)


class Bench(weir.Case):
    def runTest(self):
        pass


def paints(b, url, loads):
    """First paint in ms: with an empty cache, and then as one comes back."""
    found = []
    for _ in range(loads):
        b.open("about:blank")
        b.open(url)
        found.append(b.until("a first paint", """
            const p = performance.getEntriesByName('first-contentful-paint')[0];
            return p && document.querySelector('.view table') ? p.startTime : 0"""))
    return found[0], found[1:]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--loads", type=int, default=10)
    args.add_argument("--rounds", type=int, default=4)
    args.add_argument("--seconds", type=float, default=5)
    a = args.parse_args()
    case = Bench()
    case.setUp()
    try:
        token = case.write("token", TOKEN + "\n")
        os.chmod(token, 0o600)
        server = serve.Server(case, "data", "--http", "127.0.0.1:0", "--token-file", token)
        server.start()
        url = re.search(r"page: (http://\S+)/", server.process.result().err).group(1)
        print("server, idle            %6.1f MB resident (asked for: under 10)"
              % (resident(server.process.pid) / 1e6))
        server.submit(JOB)
        server.until_state("clicks", "RUNNING")
        with browser.Browser() as b:
            first, again = paints(b, url + "/#token=" + TOKEN, a.loads)
            print("first paint             %6.0f ms in a browser just started, then %.0f ms "
                  "(median of %d; asked for: under 200)"
                  % (first, statistics.median(again), len(again)))
            pid, alone, watched = server.pid("clicks"), [], []
            for _ in range(a.rounds):
                b.open("about:blank")
                alone.append(share(pid, a.seconds))
                b.open(url + "/#token=" + TOKEN + "&/jobs/clicks")
                b.until_text(r"busy \d", ".graph")
                watched.append(share(pid, a.seconds))
            print("the job's processor     %6.2f %% alone, %.2f %% watched: %+.2f %% of one "
                  "(medians of %d; asked for: under 1)"
                  % (100 * statistics.median(alone), 100 * statistics.median(watched),
                     100 * (statistics.median(watched) - statistics.median(alone)), a.rounds))
            print("server, watched         %6.1f MB resident"
                  % (resident(server.process.pid) / 1e6))
        server.stop()
    finally:
        case.tearDown()


if __name__ == "__main__":
    main()
