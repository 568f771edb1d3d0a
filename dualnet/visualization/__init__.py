"""Plots of models, training histories, images and decision boundaries."""
