"""From fields to vectors: encoders of one field, fusions of several, histories of many items."""
