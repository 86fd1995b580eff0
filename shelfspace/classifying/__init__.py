"""What a listing is, where it does not say: its category path and other labels, as far as that is sure. No torch."""
