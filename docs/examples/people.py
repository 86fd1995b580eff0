import shelfspace as ss

settings = {
    "events": {"path": "orders.csv", "user_id": "Kunde", "item_id": "Artikel", "basket_id": "Bon"},
    "items": {"path": "products.csv", "item_id": "Artikel", "title": "Bezeichnung"},
    "users": {"path": "customers.csv", "user_id": "Kunde"},
    "relations": {"path": "friends.csv"},
    "recipe": {"use": "quick"},
    "people": {},
    "newcomers": {},
}
space = ss.train(settings, out="runs/people")

space.people("7", k=5).to_frame()  # who is like this shopper
for hit in space.people("7", kind="friends", k=3, why=True):  # whom this shopper may know
    print(hit.id, hit.more["common_friends"], [f"{part.amount:.2f} {part.part}" for part in hit.why])

# shoppers without a history: on file, told, with friends, or with a wish
print(space.recommend(["7", "50"], k=3).to_frame()[["subject", "title", "source"]])
print(space.recommend(profile='region=north, "age=30"', k=3, why=True).notes)
print(space.recommend(phrase="Tasse", k=3).notes)
