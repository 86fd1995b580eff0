import shelfspace as ss

# titles in their order, by convolutions; each is also to be known again from another wording of it
space = ss.train(
    "shop.toml",
    sets=[
        'encoders.title={use = "textcnn", token_dropout = 0.2, swap = 0.1}',
        'objectives=[{use = "infonce", pairs = "next_item"}, {use = "infonce", pairs = "two_views", weight = 0.3}]',
        "training.budget=5s",  # leave it out: three minutes
    ],
    out="runs/two_views",
)
print(space.similar("item-0000042", k=5).to_frame())
