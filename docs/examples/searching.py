from itertools import product

import pandas as pd

import shelfspace as ss

things = {
    "wool scarf": "clothes",
    "silk scarf": "clothes",
    "tea mug": "kitchen",
    "desk lamp": "home",
    "红茶礼盒": "茶",
}
rows = [
    {"item_id": f"sku-{n}", "title": f"{colour} {thing}", "category": things[thing], "price": 10.0 + n}
    for n, (colour, thing) in enumerate(product(["red", "blue", "green", "grey"], things))
]
space = ss.train({"items": {}, "search": {}}, items=pd.DataFrame(rows), out="runs/search")

print(space.search("red wool scarf", k=3).to_frame())
print(space.search("红茶", k=2))  # no spaces are needed
slip = space.search("blue scraf", k=3, where="price<25", facets="category", why=True)
print(slip.notes)  # no product has 'scraf': looked for 'scarf' instead
print(slip.beside["facets"])
for hit in slip:
    print(hit.rank, hit.title, hit.more["found"], [(part.part, round(part.amount, 3)) for part in hit.why])
