"""The foundation: tensors, variables, the tape, dtypes. It knows no op and no layer."""
