"""The command line: parse, call, print."""

from fednids.cli.main import main

__all__ = ["main"]
