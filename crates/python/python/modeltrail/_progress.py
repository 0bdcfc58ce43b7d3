"""Progress: a function, or tqdm's bar where that is installed."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional, Union

from contextlib import contextmanager

from ._errors import UsageError

#: Called with (parts done, parts known of, what is worked on), on the thread that asked.
Callback = Callable[[int, int, str], Any]
Progress = Union[None, bool, Callback]


@contextmanager
def reporting(progress: Progress) -> Iterator[Optional[Callback]]:
    """What hears of progress: nobody for None and False, a bar for True."""
    if progress is None or progress is False:
        yield None
        return
    if progress is not True:
        if not callable(progress):
            raise UsageError(f"progress is {progress!r}: give True, or a function of (done, total, what)")
        yield progress
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise UsageError("progress=True needs tqdm: pip install tqdm, or give a function") from error
    bar = tqdm(leave=False, unit="part")

    def show(done: int, total: int, what: str) -> None:
        bar.total = total
        bar.n = done
        bar.set_description(what, refresh=False)
        bar.refresh()

    try:
        yield show
    finally:
        bar.close()
