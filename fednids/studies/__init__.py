"""Studies: many runs side by side, from a definition to a report with intervals.

`study` reads a definition and expands it to cells, `relevance` decides which cells are the same
run, `engine` carries runs out, each in a `child` that is `bound` to a processor, `statistics`
measures and ranks them, `report` writes. `sweep`, `compare`, `cross` and `reproduce` are studies
with a view of their own. Nothing is imported here, since children pass through on their way.
"""
