"""``python -m fednids``."""

from fednids.cli import main

main()
