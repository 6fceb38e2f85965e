"""What is called as a run goes, and the sinks that come with fednids.

A sink of one's own needs no change here; `fednids.runs.callbacks.interface` shows one.
"""

from fednids.runs.callbacks.interface import Callback, RoundEnd, RunStart
from fednids.runs.callbacks.tracking import SinkState, Tracking, open_tracking, tracked

__all__ = [
    "Callback",
    "RoundEnd",
    "RunStart",
    "SinkState",
    "Tracking",
    "open_tracking",
    "tracked",
]
