"""The command `modeltrail`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Runs the command line of this process, and returns its exit status."""
    from ._modeltrail import run_command

    # Nobody but the command listens to Ctrl-C here.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_command(["modeltrail", *sys.argv[1:]])
