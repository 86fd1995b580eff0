"""From a run's settings and a shop's past to two towers that answer: the room that knows encoders, pairs and loop."""
