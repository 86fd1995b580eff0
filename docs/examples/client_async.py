import asyncio
import os

from shelfspace.client import AsyncClient


async def page(user: str) -> None:
    async with AsyncClient(os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000")) as client:
        mine, popular = await asyncio.gather(client.recommend(user, k=5), client.recommend(k=5))
        print([hit.item_id for hit in mine], [hit.item_id for hit in popular])


asyncio.run(page("user-0000007"))
