"""How unevenly a plan deals: measures of labels, features and sizes, and their yardstick.

- `measure_skew`: a few numbers from a table of flows, in a millisecond.
- `study_skew`: every measure, each gateway, and iid deals of the same sizes beside it.
- `compare_gateways`: distances between every two gateways.

A gateway without flows has no class mix and no feature values: what is measured of it is
NaN, and the means leave it out. A measure is a member of `MEASURES`; how to add one is said
there.
"""

from partitions.skew.brief import Skew, measure_skew
from partitions.skew.distances import DISTANCES
from partitions.skew.features import Features
from partitions.skew.measures import MEASURES, Measure
from partitions.skew.pairs import GatewayPairs, compare_gateways, feature_pairs, label_pairs
from partitions.skew.report import MeasureSummary, Sheet, SkewReport
from partitions.skew.shifts import feature_distances, iid_feature_distances
from partitions.skew.study import study_skew
from partitions.skew.yardstick import Yardstick, draw_iid_tables

__all__ = [
    "DISTANCES",
    "MEASURES",
    "Features",
    "GatewayPairs",
    "Measure",
    "MeasureSummary",
    "Sheet",
    "Skew",
    "SkewReport",
    "Yardstick",
    "compare_gateways",
    "draw_iid_tables",
    "feature_distances",
    "feature_pairs",
    "iid_feature_distances",
    "label_pairs",
    "measure_skew",
    "study_skew",
]
