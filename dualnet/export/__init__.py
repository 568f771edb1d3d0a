"""Models that leave dualnet, as files of other programs."""
