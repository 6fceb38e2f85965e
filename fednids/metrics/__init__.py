"""Confusion counts that add, and the rates that follow from them."""

from fednids.metrics.counts import ConfusionCounts
from fednids.metrics.majority import majority_counts
from fednids.metrics.scores import BinaryScores, ClassScores, Scores, scores

__all__ = [
    "BinaryScores",
    "ClassScores",
    "ConfusionCounts",
    "Scores",
    "majority_counts",
    "scores",
]
