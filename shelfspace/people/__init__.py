"""Shoppers beside shoppers: who is alike, and who knows whom."""
