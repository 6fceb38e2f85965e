"""``python -m fednids.studies.bound PROCESSOR PARENT MODULE...``: a module on one processor.

It binds itself to a processor, asks Linux to be killed when its parent dies, and becomes
``python -m MODULE...``. So a study that is killed leaves no run behind that would write to its
folder while the next one does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the module; it ends here if the parent has gone already."""
    processor, parent, *module = sys.argv[1:]
    os.sched_setaffinity(0, {int(processor)})
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", *module])


if __name__ == "__main__":
    main()
