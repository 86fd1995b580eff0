import shelfspace as ss

space = ss.train("shop.toml", out="runs/shop")
print(space.similar("item-0000042", k=5).to_frame())
print(space.recommend("user-0000007", k=5, where="price<20").to_frame())
print(space.recommend(history=["item-0000042", "item-0000007"], k=5, why=True))
