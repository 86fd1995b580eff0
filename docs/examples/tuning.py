import shelfspace as ss

# each trial reads nothing, and sees validation only
found = ss.tune(
    "shop.toml",
    space={"linear.item_knn.back": "0.0..1.0", "linear.popularity_recent.half_life": "3.0..90.0 log"},
    sets=["recipe.use=quick", "training.budget=5s"],
    trials=2,
    out="tuned",
)
print(found.to_frame())

# what the best settings are worth is measured once, on test
ss.train("tuned/best.toml", out="runs/tuned")
print(ss.compare("runs/shop", "runs/tuned").to_frame())
print(ss.compare("runs/tuned", models=["default", "item_knn"], slices=True).to_frame())
