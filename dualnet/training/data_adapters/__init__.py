"""From what fit, evaluate and predict take to batches of tensors."""
