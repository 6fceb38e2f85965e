"""Whole runs: the arms, what they are compared with, and what they leave behind."""
