"""Pictures of fleets and runs, one idea a file, each made of plain arrays.

`label_bars`, `heatmap`, `size_curve`, `distance_matrix`, `ridgelines` and `comparison` show
how flows are dealt; `curves` and `confusion` show a run, and `draw_run` writes the pictures
that every run leaves behind. All functions give a Matplotlib figure; `style.save` writes it.

Nothing is imported here: Matplotlib takes most of a second, and a worker draws nothing. So
import a picture where it is drawn.
"""
