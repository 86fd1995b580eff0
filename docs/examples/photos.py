import shelfspace as ss

settings = {
    "recipe": {"use": "catalogue"},
    "items": {"path": "catalogue.csv"},  # item_id, title, category, image
    "photos": {"path": "photos.csv"},  # item_id, image: further photos of the same products
    "encoders": {"meaning": False},  # without the extra [text]
    "training": {"epochs": 4},
}
space = ss.train(settings, out="runs/catalogue")
print(space.similar(phrase="green cup", k=3))
print(space.similar(photo="photos/asked.png", k=3))
print(space.similar(phrase="cup", photo="photos/asked.png", k=3))
print(space.similar("red-scarf", phrase="in blue", k=3))
