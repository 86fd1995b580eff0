import shelfspace as ss

items = {"path": "products.csv", "item_id": "Artikel", "title": "Bezeichnung", "price": "Preis"}
space = ss.train({"items": items, "match": {}}, out="runs/listings")
groups = space.match()
print(groups.to_frame())  # group, item_id, title, catalogue, score
print(groups.pairs.to_pandas())  # every pair that came near, with its chance
print(space.match("7", least=0.2, why=True).notes)
