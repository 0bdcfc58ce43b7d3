"""Which Python this is, and for which processor its linear algebra has been chosen."""

import platform

import numpy  # noqa: F401
import scipy.linalg  # noqa: F401
from threadpoolctl import threadpool_info

libraries = {
    f"{one['internal_api']} {one['version']} for {one.get('architecture', 'any')}"
    for one in threadpool_info()
    if one["user_api"] == "blas"
}
print(", ".join([f"Python {platform.python_version()}", *sorted(libraries)]))
