"""Encoders put together: from what is known of items and users to vectors, and to files that serving runs."""
