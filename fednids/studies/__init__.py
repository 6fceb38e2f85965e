"""Sweeps: a study of many runs, from its file to a report with intervals.

`study` reads a study, `cells` expands it, `relevance` says which cells are the same run,
`checks` finds what is wrong before anything runs, `pool` runs, `report` tells. Nothing is
imported here: a child process passes through `fednids.studies.bound` on its way.
"""
