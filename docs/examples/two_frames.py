import pandas as pd

import shelfspace as ss

orders = pd.read_csv("orders.csv", dtype=str)
products = pd.read_csv("products.csv", dtype=str)

space = ss.train(
    {
        "events": {"user_id": "Kunde", "item_id": "Artikel", "basket_id": "Bon", "timestamp": "Zeit"},
        "items": {"item_id": "Artikel", "title": "Bezeichnung", "price": "Preis"},
        "training": {"budget": "10s"},
    },
    events=orders,
    items=products,
    out="runs/two-frames",
)
print(space)
