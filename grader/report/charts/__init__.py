"""The charts of all pages: measurements become Vega-Lite specifications with their data inside, nothing is loaded.

Every chart comes with a sentence that says its main figures, for whoever can't see it. Colours and letters are not chosen
here but in assets/charts.js, by the names of styles, so that a page's charts follow its colour scheme. A layer "named" with
a layer "labels" after it gets its labels placed there, none over another, around what stands in "levels" and "crowd".
"""

from grader.report.charts.layers import layer_sparsity
from grader.report.charts.methods import Rung, rungs
from grader.report.charts.page import ASSETS, LICENCES, SCRIPTS, SHIPPED, Chart, Scripts, data_block, figure, scripts
from grader.report.charts.parts import LABEL, LABELS, Spec, evenly
from grader.report.charts.plane import MAX_LABELS, Kind, Mark, plane
from grader.report.charts.sweeps import MEASURED, sweep_against, sweep_plane, sweep_points, sweep_scores
from grader.report.charts.weights import Sampled, distribution, magnitudes, size, weights_by_index

__all__ = [
    "ASSETS",
    "LABEL",
    "LABELS",
    "LICENCES",
    "MAX_LABELS",
    "MEASURED",
    "SCRIPTS",
    "SHIPPED",
    "Chart",
    "Kind",
    "Mark",
    "Rung",
    "Sampled",
    "Scripts",
    "Spec",
    "data_block",
    "distribution",
    "evenly",
    "figure",
    "layer_sparsity",
    "magnitudes",
    "plane",
    "rungs",
    "scripts",
    "size",
    "sweep_against",
    "sweep_plane",
    "sweep_points",
    "sweep_scores",
    "weights_by_index",
]
