"""What to show to shoppers without a history: by their profile, their friends, and what they had elsewhere."""
