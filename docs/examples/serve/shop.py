import os
import sys

from shelfspace.client import Client, ClientError, Event, Impression

item, user = sys.argv[1:] or ("85123A", "17850")

with Client(os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000"), timeout=1.0) as shop:
    # a product page: what is like it, in stock and affordable
    try:
        alike = shop.similar(item, k=4, where="price<50")
        print("similar:", [hit.item_id for hit in alike])
    except ClientError as problem:  # the page goes out without them
        print("similar:", problem.status, problem.code, problem.message)

    # the start page: what was shown is told, so that variants can be compared
    hits = shop.recommend(user, k=4)
    print("before:", [(hit.item_id, round(hit.score, 2)) for hit in hits], hits.notes)
    shop.impressions(
        Impression(hits.list_id or "start", hit.item_id, place=hit.rank, user_id=user) for hit in hits
    )

    # an order: on disk when this returns, and known to the very next answer
    bought = hits[0].item_id
    kept = shop.send(
        [Event(bought, user_id=user, quantity=1, list_id=hits.list_id, event_id=f"order-{user}-1")]
    )
    print("kept:", kept.accepted, kept.duplicates)
    after = shop.recommend(user, k=4)
    print("after:", [(hit.item_id, round(hit.score, 2)) for hit in after])

    # sold out: in no answer from here on
    shop.patch_item(after[0].item_id, {"available": False})
    print("sold out:", after[0].item_id not in [hit.item_id for hit in shop.recommend(user, k=4)])
