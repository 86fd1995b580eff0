"""What goes with what: complements of products and baskets, and a shopper's next basket."""
