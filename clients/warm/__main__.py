"""Keep a trainer warm: ``python -m clients.warm FOLDER``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from clients.warm.serving import serve
from fednids.errors import FednidsError


def main() -> int:
    """Serve until SIGTERM comes or the parent dies; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m clients.warm", description=__doc__)
    parser.add_argument("folder", type=Path, help="where ClientApps meet it; made for its owner")
    try:
        serve(parser.parse_args().folder)
    except FednidsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # an orderly end of MindSpore takes a second and saves nothing
