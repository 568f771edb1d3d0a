"""Dense, Embedding, Masking, Lambda, wrappers and other general layers."""
