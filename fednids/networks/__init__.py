"""Networks: how each is built, the layout of its weights, and the model file.

Only `fednids.networks.framework` and the modules that import it need MindSpore. The layout of
the weights and the model file are NumPy alone, so the server of a federation and the tools
around it start without the framework.
"""
