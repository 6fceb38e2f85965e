"""Pictures of plans and runs, one idea a file, each made of plain arrays.

Functions whose name ends in ``_chart`` return a chart of the HTML page (`vega.Chart`); all others
return a Matplotlib figure, which `style.save` writes. In all of them `owned` is ``(K, C) int64``,
flows of each class at each gateway; `names` are those of the C classes; `note` is put behind the
title.

Nothing is imported here: Matplotlib takes most of a second, and a worker draws nothing. So
import a picture where it is drawn.
"""
