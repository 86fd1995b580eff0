import shelfspace as ss

space = ss.train("coupons.toml", out="runs/coupons")
best = space.ads("7", k=3, at="2024-12-20T09:00", why=True)
for hit in best:
    print(hit.rank, hit.id, hit.more["campaign"], f"{hit.score:.1%}", [part.part for part in hit.why[:2]])
print(best.notes)
print(space.ads(["7", "9"], k=2, at="2024-12-20T09:00", where="not item_id:3").to_frame())
