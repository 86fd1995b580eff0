"""One visible loop, and what it needs: optimiser, schedule, checkpoints, a moving average of the weights."""
