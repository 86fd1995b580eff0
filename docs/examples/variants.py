import os
import random

from shelfspace.client import Client, Event, Impression

dice = random.Random(0)

with Client(os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000")) as client:
    for n in range(40):
        user = f"visitor-{n % 30}"
        hits = client.recommend(user, k=4)
        clicked = dice.randrange(8)  # a place, or none
        client.impressions(
            Impression(
                hits.list_id or f"list-{n}",  # names this answer
                hit.item_id,
                place=hit.rank,
                user_id=user,
                variant=hits.variant or "ab"[n % 30 % 2],  # where one space is served, yours to say
                clicked=hit.rank == clicked,
            )
            for hit in hits
        )
        if clicked == 1:
            client.send([Event(hits[0].item_id, user_id=user, list_id=hits.list_id)])

    found = client.variants()
    for name, variant in found.variants.items():
        print(name, variant.users, variant.lists, variant.click_rate, variant.conversion_rate)
    for name, difference in found.differences.items():
        print(name, difference.value, difference.low, difference.high, difference.more_users)
    print(found.notes)
