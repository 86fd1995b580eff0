"""The same product, listed twice: who is compared, what speaks for a pair, and how sure that makes us. No torch."""
