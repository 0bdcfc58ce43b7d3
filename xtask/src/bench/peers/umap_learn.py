"""umap-learn, warm; its first turn also tells what import and compilation cost.

The first turn starts with no compiled code on disk and embeds twice; later ones find what it left and
warm up on a part of the points. A seed makes umap-learn run on one thread, so that with more the seed
is left out, as its manual says.
"""

import os
import shutil
import warnings
from pathlib import Path

from measure import ANSWER, EXTRA, points, report, timed

alone = os.environ["RAYON_NUM_THREADS"] == "1"
first = alone and EXTRA == "0"
compiled = Path(ANSWER).with_name("numba")
if first:
    shutil.rmtree(compiled, ignore_errors=True)
os.environ["NUMBA_CACHE_DIR"] = str(compiled)
warnings.filterwarnings("ignore")

x = points()


def embed(x):
    import umap

    return umap.UMAP(random_state=int(EXTRA) if alone else None).fit_transform(x)


# Below 4,096 points umap-learn takes another way, which would warm up other code.
_, cold_cpu, cold_wall = timed(lambda: embed(x if first else x[:5000]))
picture, cpu, wall = timed(lambda: embed(x))
cold = {"cold_cpu_s": cold_cpu, "cold_wall_s": cold_wall} if first else {}
report("umap-learn", picture, cpu, wall, **cold)
