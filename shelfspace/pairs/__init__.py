"""Who is positive for whom: sources of pairs, drawn a batch at a time, and what must not be a negative."""
