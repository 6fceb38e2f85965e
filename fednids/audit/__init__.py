"""What is wrong with a flow file before anybody believes a score on it.

`evidence` brings a file into one form, `checks` looks at it, `report` runs the checks. NumPy,
pandas, SciPy and scikit-learn; no framework.
"""
