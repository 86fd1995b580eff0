import shelfspace as ss

space = ss.open("runs/shop")

# one item, several, with a hard filter
space.similar("item-0000042", k=5)
space.similar(["item-0000042", "item-0000007"], k=5, where="price<20 and not (brand in (Acme))")

# a user; a basket; a session with times, added to what is known of the user
space.recommend("user-0000007", k=5)
space.recommend(history=["item-0000042", "item-0000007"], k=5)
session = [ss.Event("item-0000042", "2024-12-30T10:00"), ss.Event("item-0000007", "2024-12-30T10:05")]
space.recommend("user-0000007", history=session, k=5)

# what to buy again, and what each answer is made of
again = space.recommend("user-0000007", k=5, seen="only", why=True)
for hit in again:
    parts = [f"{part.amount:.3f} {part.part} {part.title or ''}" for part in hit.why]
    print(hit.rank, hit.title, round(hit.score, 3), parts)
print(again.notes)
