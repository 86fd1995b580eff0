"""Search in a catalogue: by words, by meaning, fused."""
