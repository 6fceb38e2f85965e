"""The published CNN-BiLSTM as published and honestly, against simpler detectors.

``rows.py`` says what is run, ``measuring.py`` runs one row with one seed in a process of its
own, ``run.py`` all of them, and the rest puts them into one table and one page.
"""
