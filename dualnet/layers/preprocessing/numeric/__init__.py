"""Preprocessing of numbers and categories."""
