import shelfspace as ss

space = ss.fit("runs/shop", "bundle")
for hit in space.bundle("item-0000042", k=5, why=True):
    rule = f"in {hit.more['support']} baskets together, {hit.more['smoothed']:.0%} lent"
    print(hit.rank, hit.title, rule, [f"{part.amount:+.5f} {part.part}" for part in hit.why])

print(space.bundle(basket=["item-0000042", "item-0000007"], where="price<20").to_frame())
print(space.bundle(user="user-0000007", k=5, why=True))
