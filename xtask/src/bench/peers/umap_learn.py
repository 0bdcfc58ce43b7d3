"""umap-learn, first with import and compilation, then warm, in the same process.

A seed makes it run on one thread; with more threads it is left out, as umap-learn's manual says.
"""

import os
import tempfile
import warnings

# What an earlier process compiled must not be found.
os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()

from measure import EXTRA, points, report, timed  # noqa: E402

x = points()


def embed():
    import umap

    alone = os.environ["NUMBA_NUM_THREADS"] == "1"
    return umap.UMAP(random_state=int(EXTRA) if alone else None).fit_transform(x)


warnings.filterwarnings("ignore")
_, cold_cpu, cold_wall = timed(embed)
picture, cpu, wall = timed(embed)
report("umap-learn", picture, cpu, wall, cold_cpu_s=cold_cpu, cold_wall_s=cold_wall)
