"""ONNX: one exporter for each op, a function in the file of its topic, looked up by the name of the op."""
