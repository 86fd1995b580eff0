import csv
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from shelfspace.client import Client


def events(till: Path) -> Iterator[dict[str, object]]:
    """A till's file: semicolons, decimal commas, local times, customers without a card."""
    with till.open(encoding="cp1252", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            when = datetime.strptime(row["Zeit"], "%d.%m.%Y %H:%M")
            yield {
                "item_id": row["Artikel"],
                "user_id": row["Kunde"] or None,
                "basket_id": row["Bon"],
                "timestamp": when.replace(tzinfo=ZoneInfo("Europe/Berlin")),
                "quantity": float(row["Menge"]),
                "price": float(row["Preis"].replace(",", ".")),
            }


till = Path(sys.argv[1])
with Client(os.environ.get("SHELFSPACE_URL", "http://127.0.0.1:8000")) as client:
    kept = client.bulk(events(till), load=till.name)  # the file and line are its events' ids
    print(
        f"{kept.accepted:,} kept, {kept.duplicates:,} were there; not in the catalogue: {kept.unknown_items}"
    )
