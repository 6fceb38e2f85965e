"""Reports: run folders as one page that needs no network.

`Page.of` puts together what is shown of runs, and `write_page` writes it as HTML. Nothing here
trains or reads flows: all numbers are in the run folders.
"""
