"""The scripts of the README and the page on serving run as they stand, against a server of two workers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfspace.service.settings import STORE
from shelfspace.store.store import Store
from tests.service.running import Running

REPOSITORY = Path(__file__).parents[1]
SCRIPTS = REPOSITORY / "docs" / "examples" / "serve"

Ran = Callable[..., list[str]]


@pytest.fixture(scope="module")
def ran(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run a script with a key and its arguments, and return the lines that it prints."""
    folder = tmp_path_factory.mktemp("served")
    run = shutil.copytree(small_run, folder / "run")
    with Store.open(run) as store:
        keys = {
            "shop": store.add_key("shop", ["read", "write"]),
            "till": store.add_key("till", ["write"]),
            "ops": store.add_key("ops", ["admin"]),
        }
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    environment.pop(STORE, None)
    shell = [sys.executable, "-c", "from shelfspace.cli.app import main; main()"]
    command = [*shell, "serve", run, "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            server = Running(process, seconds=60.0)
            server.num_ready(2)

            def script(name: str, *arguments: str, key: str) -> list[str]:
                done = subprocess.run(
                    ["sh" if name.endswith(".sh") else sys.executable, SCRIPTS / name, *arguments],
                    cwd=folder,
                    env=environment | {"SHELFSPACE_URL": server.address, "SHELFSPACE_KEY": keys[key]},
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == 0, done.stderr + done.stdout
                return done.stdout.splitlines()

            yield script
            assert server.stop() == 0
        finally:
            process.kill()


def test_questions_by_curl(ran: Ran):
    similar, cheap, basket, kept, after = map(json.loads, ran("ask.sh", "sku-001", "user-1", key="shop"))
    assert [hit["rank"] for hit in similar["hits"]] == [1, 2, 3]
    assert {hit["subject"] for hit in similar["hits"]} == {"sku-001"}
    assert len(cheap["hits"]) == len(basket["hits"]) == len(after["hits"]) == 3
    assert (kept["accepted"], kept["unknown_items"]) == (1, [])
    assert "sku-001" not in [hit["item_id"] for hit in after["hits"]]


def test_what_a_shop_tells_by_curl(ran: Ran):
    events, impressions, *changes = map(json.loads, ran("write.sh", "sku-001", "user-1", key="till"))
    assert (events["accepted"], impressions["accepted"]) == (2, 1)
    assert [change["accepted"] for change in changes] == [1, 1, 1, 1]
    events, *_ = map(json.loads, ran("write.sh", "sku-001", "user-1", key="till"))
    assert (events["accepted"], events["duplicates"]) == (1, 1)  # only one of the two had an id


def test_a_shop_by_the_client(ran: Ran):
    said = ran("shop.py", "sku-004", "user-4", key="shop")
    assert [line.partition(":")[0] for line in said] == ["similar", "before", "kept", "after", "sold out"]
    bought = said[1].split("'")[1]
    assert f"'{bought}'" not in said[3]
    assert said[2] == "kept: 1 0"
    assert said[4] == "sold out: True"
    assert ran("shop.py", "no-such-item", "user-5", key="shop")[0].startswith("similar: 404 unknown_id")


def test_a_file_of_a_till(ran: Ran, tmp_path: Path):
    till = tmp_path / "till-2024-10-28.csv"
    lines = [
        f"K{n // 3};{'' if n % 4 else f'user-{n}'};sku-{n % 7:03};28.10.2024 10:{n % 60:02};1;4,90"
        for n in range(6000)
    ]
    till.write_text(
        "Bon;Kunde;Artikel;Zeit;Menge;Preis\n" + "\n".join(lines) + "\nK9;;Tüte;28.10.2024 19:59;1;0,20\n",
        "cp1252",
    )
    assert ran("load.py", str(till), key="till") == [
        "6,001 kept, 0 were there; not in the catalogue: ('Tüte',)"
    ]
    assert ran("load.py", str(till), key="till") == [
        "0 kept, 6,001 were there; not in the catalogue: ('Tüte',)"
    ]


def test_what_an_operator_asks(ran: Ran):
    live, ready, home, lag, held, gone, none, error = ran("look.sh", "user-2", key="ops")
    assert json.loads(live)["live"]
    assert json.loads(ready)["ready"]
    assert json.loads(home)["space_version"] == 1
    assert lag.startswith("shelfspace_lag_writes")
    assert json.loads(held)["history"]
    assert json.loads(gone)["forgotten"]
    assert json.loads(none)["history"] == json.loads(none)["records"] == []
    assert json.loads(error)["error"]["code"] == "unknown_id"
