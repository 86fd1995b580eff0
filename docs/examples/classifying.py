from itertools import product
from pathlib import Path

import pandas as pd

import shelfspace as ss

words = {"mug": "home/mug", "lamp": "home/lamp", "boot": "shoes/boot", "sandal": "shoes/sandal"}
rows = [
    {"item_id": f"sku-{n}", "title": f"{colour} {word} no {n}", "category": words[word], "colour": colour}
    for n, (colour, word) in enumerate(product(["red", "blue", "green"] * 20, words))
]
products = pd.DataFrame(rows)
products.loc[::9, "category"] = None  # nobody has filled these in yet
products.loc[5, "category"] = "shoes/boot"  # and this is wrong: sku-5 is a lamp

settings = {"items": {}, "classify": {"columns": ["category", "colour"]}}
space = ss.train(settings, items=products, out="runs/labels")
print(space.classify().to_frame())  # subject, title, column, rank, label, score, given
print(space.classify(suspicious=True))  # labels that are probably wrong
print(space.classify(phrase="large blue lamp", column="category", k=3, why=True).to_frame())
print(Path("runs/labels/card.md").read_text("utf-8"))
