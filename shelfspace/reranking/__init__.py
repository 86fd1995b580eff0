"""A list put in order after scoring: pins, shares of places, diversity, exploration. It sees candidates only."""
