"""The data: what a shop has, read, checked, cleaned, counted and split."""
