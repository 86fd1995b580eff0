"""What a listing or a profile says, as arrays that an encoder takes; serving needs it too, so without torch."""
