"""Mutated files: whatever is in a file that dualnet reads, it is read or refused, and nothing else happens."""
