"""Photos of products: decoded safely, kept once, fetched politely. No torch."""
