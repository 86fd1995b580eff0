"""What a store holds, folded into a space: a longer past, other listings, and models that learnt from both."""
