import shutil

import shelfspace as ss
from shelfspace.store.records import Write
from shelfspace.store.store import Store

run = shutil.copytree("runs/shop", "runs/kept")
space = ss.open(run)
user, item = space.users.text(0), space.catalogue.ids.text(0)

# what a served run keeps by itself: events, and what is put, patched and taken out
store = Store.open(run)
store.append(
    [
        Write("event", "add", item, user, event_id="order-1-1", body={"timestamp": 1_900_000_000.0}),
        Write("item", "put", "brand-new", body={"title": space.titles[0], "price": 9.5}),
        Write("item", "delete", space.catalogue.ids.text(1)),
    ]
)
store.close()

space = ss.update(run)  # spaces/2 is current
print(space.similar("brand-new", k=3))

space = ss.rollback(run)  # spaces/1 is; the store still holds what came since
