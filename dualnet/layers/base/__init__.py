"""The Layer class and what it is made of."""
