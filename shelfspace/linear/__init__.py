"""Closed-form models on sparse matrices: seconds to fit, and the hardest baselines there are."""
