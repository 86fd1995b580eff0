import shutil
from datetime import datetime

import shelfspace as ss

shutil.copy("rules.toml", "runs/shop/rules.toml")  # in force from the next time the space is opened
space = ss.open("runs/shop")
hits = space.recommend("user-0000007", k=10)
print(hits.to_frame()[["rank", "item_id", "rule"]], hits.notes)

# other rules, or another day, without touching the run
space.with_rules("rules.toml", at=datetime(2026, 12, 20)).recommend("user-0000007")
space.with_rules({"block": [{"items": ["item-0000042"]}]}).similar("item-0000007")
space = space.with_rules(None)

# lists less alike; places left to chance, with what is needed to learn from them
space.recommend("user-0000007", diversity=0.2, diversify="dpp")
log = space.recommend(space.users.array.to_pylist()[:300], explore=0.3, seed=1).to_frame()
print(log[["list_id", "item_id", "rank", "propensity"]].head())

# what another policy would have been clicked, from such a log with a column `clicked`
log["clicked"] = log["rank"] % 3 == 1
print(ss.offpolicy(space, log, diversity=0.2).to_json()["values"]["snips"])
