"""Whole runs: the arms, what they are compared with, and what they leave behind."""

from fednids.runs.reader import Run, load

__all__ = ["Run", "load"]
