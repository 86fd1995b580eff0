import os

from shelfspace.client import Client, ClientError, Event, Impression

url = os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000")  # the key is read from SHELFSPACE_KEY

with Client(url) as client:
    # what a shopper did: on disk when it returns, and in the next answer
    popular = client.recommend("user-0000007", k=3)
    client.send([Event(popular[0].item_id, user_id="user-0000007", event_id="order-17-1")])

    # every task is a method with the settings of the task
    hits = client.recommend("user-0000007", k=5, seen="include", why=True)
    for hit in hits:
        print(hit.rank, hit.item_id, hit.title, round(hit.score, 3), [part.part for part in hit.why])
    print(hits.notes, hits.version)
    item = hits[0].item_id
    batch = client.similar([item, hits[1].item_id], k=3, where="price<1000")
    print({subject: [hit.item_id for hit in own] for subject, own in batch.by_subject().items()})

    # what was shown, and what of it was clicked
    client.impressions(
        Impression(
            hits.list_id or "list-1",
            hit.item_id,
            place=hit.rank,
            user_id="user-0000007",
            clicked=hit.rank == 1,
        )
        for hit in hits
    )

    # the catalogue, as it changes
    client.put_item("new-1", {"title": "a blue cup", "price": 7.5})
    client.patch_item("new-1", {"available": False})
    client.delete_item("new-1")

    # a shopper's own data: all of it, and none of it
    print(len(client.export_user("user-0000007").records))
    print(client.forget("user-0000007").note)

    # what is refused says why
    try:
        client.similar("no-such-item")
    except ClientError as problem:
        print(problem.status, problem.code, problem.message, problem.request_id)
