"""The CNN-BiLSTM: sizes, layout, presets, the network and its stacked form."""
