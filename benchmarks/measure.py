"""Run a command; print its wall time, processor time and peak memory as one line of JSON.

A program of its own, and a small one: Linux counts the memory of the process that starts a command towards
the command's own peak, so that a benchmark with torch in memory must not start it itself.
"""

import json
import os
import subprocess
import sys
import time


def main() -> int:
    started = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    used = usage.ru_utime + usage.ru_stime
    print(json.dumps({"seconds": seconds, "processor_seconds": used, "peak_bytes": peak}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
