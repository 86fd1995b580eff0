import shelfspace as ss

space = ss.train("shop.toml", out="runs/shop")
print(space.similar("sku-00042", k=5).to_frame())
print(space.recommend("user-7", k=5, where="price<20").to_frame())
print(space.recommend(history=["sku-00042", "sku-00007"], k=5, why=True))
