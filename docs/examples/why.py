import shelfspace as ss

space = ss.open("runs/shop")

# the words and columns of both listings, what shoppers did, and what joins the two
hit = next(iter(space.similar("item-0000042", k=5, why=True)))
for part in hit.why:
    print(f"{part.amount:+.3f}  {part.part}  {part.title or ''}")
print(hit.more["paths"])

# past items; those without which the answer would not be on the list; what joins them and the answer
for hit in space.recommend("user-0000007", k=5, why=True):
    strongest = hit.why[0]
    print(hit.title, strongest.part, strongest.title, hit.more["unless"], hit.more["paths"])
