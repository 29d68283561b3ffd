"""NNAPI's side: the opset as data, operand types, layout, the model and its bytes. Knows nothing of torch."""
