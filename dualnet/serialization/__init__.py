"""Objects as plain configs and back."""
