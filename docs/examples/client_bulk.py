import os
from pathlib import Path

from shelfspace.client import Client

Path("till.csv").write_text(
    "Kunde,Artikel,Zeit\n" + "".join(f"{n % 47},{n % 31},2024-03-01T10:{n % 60:02}\n" for n in range(12_000)),
    "utf-8",
)
columns = {"Kunde": "user_id", "Artikel": "item_id", "Zeit": "timestamp"}

with Client(os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000")) as client:
    kept = client.bulk("till.csv", columns=columns, load="till-2024-03-01")
    print(kept.accepted, kept.duplicates, len(kept.unknown_items))

    # a load that broke off is started again: nothing is kept twice
    print(client.bulk("till.csv", columns=columns, load="till-2024-03-01").duplicates)
