"""Models as Python programs that need NumPy alone."""
