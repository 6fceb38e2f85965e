"""How a peer's process is set up before it trains."""

from __future__ import annotations

import ctypes
import os

import torch

KEEP_MEMORY = "FEDNIDS_PEERS_KEEP_MEMORY"
"""Variable that, when set, lets the peers keep freed memory."""

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # of mallopt in glibc's malloc.h


def settle(threads: int) -> None:
    """Set PyTorch's threads, and where asked let freed memory stay with the process.

    By default glibc gives the tensors of a step back to the system after each step of
    128 windows, and the thousand page faults that follow cost PyTorch a quarter of its time.
    Hardly anybody knows and changes that, so it is measured both ways.
    """
    torch.set_num_threads(threads)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if KEEP_MEMORY in os.environ and mallopt is not None:
        mallopt(MMAP_THRESHOLD, 32 << 20)
        mallopt(TRIM_THRESHOLD, 1 << 30)
        mallopt(TOP_PAD, 64 << 20)
