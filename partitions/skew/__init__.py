"""How unevenly a plan deals: measures of labels, features and sizes, beside those of iid deals.

- `measure_skew`: a few numbers from a table of flows, in a millisecond.
- `study_skew`: every measure, each gateway, and iid deals of the same sizes beside it.
- `label_pairs`: distances between the class mixes of every two gateways.

A gateway without flows has no class mix and no feature values: what is measured of it is
NaN, and the means leave it out. A measure is a member of `MEASURES`; how to add one is said
there.
"""

from partitions.skew.distances import DISTANCES, label_pairs
from partitions.skew.features import Features, feature_distances
from partitions.skew.measures import MEASURES, Skew, measure_skew
from partitions.skew.study import MeasureSummary, Sheet, SkewReport, draw_iid_tables, study_skew

__all__ = [
    "DISTANCES",
    "MEASURES",
    "Features",
    "MeasureSummary",
    "Sheet",
    "Skew",
    "SkewReport",
    "draw_iid_tables",
    "feature_distances",
    "label_pairs",
    "measure_skew",
    "study_skew",
]
