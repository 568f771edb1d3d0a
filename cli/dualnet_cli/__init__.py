"""Floor 2 of dualnet: the ``dualnet`` command. It parses, builds and calls the library."""
