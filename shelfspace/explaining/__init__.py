"""Why an answer: what of a listing, of a photo, of a past makes it, and which relations join it to what was asked."""
