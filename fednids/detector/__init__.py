"""The detector: the CNN-BiLSTM's architecture, training step, evaluation and model file.

Only `fednids.detector.framework` and the modules that import it need MindSpore. The
architecture, the layout of the weights and the model file are NumPy alone, so the server
of a federation and the tools around it start without the framework.
"""
