"""The code in the docs is code that runs."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from shelfspace.shop.synthetic import synthetic

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "docs" / "examples"
PAGES = [*REPOSITORY.glob("README*.md"), *(REPOSITORY / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_that_names_a_file_is_that_file(page: Path):
    text = page.read_text("utf-8")
    for path, block in re.findall(r"<!-- (docs/examples/\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        assert block == (REPOSITORY / path).read_text("utf-8"), path
    for language, block in re.findall(r"(?<!-->\n)```(python|toml)\n(.*?)```", text, re.DOTALL):
        assert language == "toml", "Python in the docs stands in docs/examples"
        assert tomllib.loads(block)
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link


def test_every_example_stands_on_a_page():
    said = "".join(page.read_text("utf-8") for page in PAGES)
    for example in (path for path in EXAMPLES.rglob("*") if path.is_file()):
        assert f"<!-- docs/examples/{example.relative_to(EXAMPLES).as_posix()} -->" in said


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    settings = synthetic(folder, num_events=12_000, num_users=400, num_items=200, num_clusters=6, seed=1)
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n[training]\nmax_trials = 1\n")
    (folder / "orders.csv").write_text(
        "Bon,Kunde,Artikel,Zeit\n"
        + "".join(
            f"{n // 3},{n % 47},{(n * n) % 31},2024-{1 + n // 100:02}-{1 + n % 28:02}\n" for n in range(1200)
        ),
        "utf-8",
    )
    (folder / "products.csv").write_text(
        "Artikel,Bezeichnung,Preis\n" + "".join(f"{n},Tasse {n},{n + 1}.50\n" for n in range(31)), "utf-8"
    )
    (folder / "customers.csv").write_text(
        "Kunde,age,region\n" + "".join(f"{n},{20 + n},{'north' if n % 2 else 'south'}\n" for n in range(60)),
        "utf-8",
    )
    (folder / "friends.csv").write_text(
        "head,tail,head_type,tail_type\n"
        + "".join(f"{n},{(n * step + 3) % 60},user,user\n" for n in range(60) for step in (1, 3, 7)),
        "utf-8",
    )
    _coupons(folder)
    _photographed(folder)
    return folder


def _coupons(folder: Path) -> None:
    """Write coupons of twelve campaigns, to whom they were sent, and the settings that name them."""
    shutil.copy(EXAMPLES / "ads.toml", folder / "coupons.toml")
    with (folder / "coupons.toml").open("a", encoding="utf-8") as file:
        file.write('\n[items]\nfrom = "events"\n\n[recipe]\nuse = "linear"\n\n[training]\nmax_trials = 1\n')
    offers, sent = ["offer_id,item_id,campaign,starts,ends"], ["user_id,offer_id,timestamp,responded"]
    for month, coupon in itertools.product(range(1, 13), range(4)):
        starts = f"2024-{month:02}-02"
        about = f"spring-{month},{starts},2024-{month:02}-25"
        offers += [f"{month}-{coupon},{item},{about}" for item in range(coupon, 31, 4)]
        sent += [f"{n},{month}-{coupon},{starts},{int((n + month) % 4 == coupon)}" for n in range(47)]
    (folder / "coupons.csv").write_text("\n".join(offers) + "\n", "utf-8")
    (folder / "sent.csv").write_text("\n".join(sent) + "\n", "utf-8")


def _photographed(folder: Path) -> None:
    """Write a catalogue with photos, further photos, and one to ask with."""
    colours = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 200), "yellow": (240, 220, 40)}
    (folder / "photos").mkdir()
    items, further = ["item_id,title,category,image"], ["item_id,image"]
    for thing, (colour, value) in itertools.product(["cup", "scarf", "lamp"], colours.items()):
        for n in range(2):
            Image.new("RGB", (32 + n, 32), value).save(folder / "photos" / f"{colour}-{thing}-{n}.png")
        items.append(f"{colour}-{thing},{colour} {thing},{thing},photos/{colour}-{thing}-0.png")
        further.append(f"{colour}-{thing},photos/{colour}-{thing}-1.png")
    Image.new("RGB", (40, 40), colours["green"]).save(folder / "photos" / "asked.png")
    (folder / "catalogue.csv").write_text("\n".join(items) + "\n", "utf-8")
    (folder / "photos.csv").write_text("\n".join(further) + "\n", "utf-8")


@pytest.mark.parametrize(
    "names",
    [
        (
            "six_lines.py",
            "asking.py",
            "why.py",
            "rules.toml",
            "rules.py",
            "tuning.py",
            "bundle.py",
            "updating.py",
        ),
        ("two_frames.py",),
        ("matching.py",),
        ("classifying.py",),
        ("people.py",),
        ("ads.py",),
        ("searching.py",),
        ("two_views.py",),
        ("photos.py",),
    ],
)
def test_examples_run_in_the_order_of_the_pages(shop_folder: Path, names: tuple[str, ...]):
    if "photos.py" in names:
        pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
    for name in names:
        shutil.copy(EXAMPLES / name, shop_folder)
        if name.endswith(".toml"):
            continue
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "SHELFSPACE_CACHE": str(shop_folder / "cache"),
        }
        done = subprocess.run(
            [sys.executable, name],
            cwd=shop_folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
