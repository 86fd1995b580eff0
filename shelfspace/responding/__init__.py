"""Who takes which offer: coupons, campaigns and sponsored items, and how likely."""
