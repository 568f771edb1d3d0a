"""Preprocessing of text: vocabularies, hashing, vectorization."""
