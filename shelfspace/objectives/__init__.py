"""Losses and negatives: they see embeddings and a candidate matrix, never a model or a table."""
