"""Counts that add, and the rates and areas that follow from them."""

from fednids.metrics.counts import ConfusionCounts, majority_counts
from fednids.metrics.curves import Curves, CurveScores, ScoreHistograms, Tallies, Tally
from fednids.metrics.scores import BinaryScores, ClassScores, Scores, scores
from fednids.metrics.success import attack_success, error_rates, relative_success
from fednids.metrics.threshold import OperatingPoint, Threshold, choose_threshold

__all__ = [
    "BinaryScores",
    "ClassScores",
    "ConfusionCounts",
    "CurveScores",
    "Curves",
    "OperatingPoint",
    "ScoreHistograms",
    "Scores",
    "Tallies",
    "Tally",
    "Threshold",
    "attack_success",
    "choose_threshold",
    "error_rates",
    "majority_counts",
    "relative_success",
    "scores",
]
