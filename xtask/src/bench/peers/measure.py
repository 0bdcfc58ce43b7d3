"""What every Python peer shares: points in, an answer out, and what it cost on one line of JSON.

Points come as a .npy of shape (points, dimensions) in f32; the answer goes to a .npy of f64.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np

METHOD, POINTS, ANSWER, EXTRA = (sys.argv[1:] + [""])[:4]


def points():
    return np.load(POINTS)


def peak_mib():
    """Most memory held. ru_maxrss would also count what the parent held when it started us."""
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function):
    """The function's result, and the processor and wall seconds that it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = function()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def report(package, answer, cpu_s, wall_s, **more):
    np.save(ANSWER, np.asarray(answer, "<f8"))
    cost = {"cpu_s": cpu_s, "wall_s": wall_s, "peak_mib": peak_mib(), "version": version(package)}
    print(json.dumps(cost | more))
