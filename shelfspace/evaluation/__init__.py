"""Honest numbers: protocols measured, intervals, slices, leaks, the gate and the report."""
