"""A space that follows what is kept in the store: fresh pasts, new and changed items, fast answers."""
