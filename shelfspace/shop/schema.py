"""The data contract: the tables of a shop and their columns.

A column of a source is found by what the settings map, else by its name (`CustomerID`, `customer_id` and
`customer id` are the same name), else by a usual alias; what was assumed is told in the check.
"""

import re
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["id", "text", "number", "time", "flag", "list"]
"""id: text, never guessed to be a number; list: one or several texts; flag: true or false."""


@dataclass(frozen=True)
class Column:
    """A column of the contract; `aliases` are further names it is known under, compared by `plain`."""

    name: str
    type: ColumnType
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class TableSchema:
    """A table of the contract; with `own_columns`, further columns are kept under their own names."""

    name: str
    columns: tuple[Column, ...]
    own_columns: bool = False

    def column(self, name: str) -> Column:
        """Return the column of this name."""
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order of the contract."""
        return [c.name for c in self.columns]


_ITEM = (
    "sku",
    "item",
    "itemid",
    "iid",
    "product",
    "productid",
    "asin",
    "articleid",
    "stockcode",
    "商品编号",
    "商品id",
)
_USER = (
    "user",
    "userid",
    "uid",
    "customer",
    "customerid",
    "visitorid",
    "householdid",
    "memberid",
    "用户编号",
    "用户id",
)
_TIME = (
    "time",
    "datetime",
    "date",
    "ts",
    "createdat",
    "eventtime",
    "orderdate",
    "invoicedate",
    "时间",
    "日期",
)
_PHOTO = ("imagepath", "imageurl", "photo", "picture", "图片")

TABLES: dict[str, TableSchema] = {
    t.name: t
    for t in (
        TableSchema(
            "events",
            (
                Column("item_id", "id", _ITEM, required=True),
                Column("user_id", "id", _USER),
                Column("session_id", "id", ("session", "sid", "visitid", "会话id")),
                Column(
                    "basket_id",
                    "id",
                    (
                        "basket",
                        "invoice",
                        "invoiceno",
                        "invoiceid",
                        "order",
                        "orderid",
                        "ordernumber",
                        "transactionid",
                        "cartid",
                        "订单号",
                        "订单编号",
                    ),
                ),
                Column("timestamp", "time", _TIME),
                Column("event", "text", ("eventtype", "action", "behavior", "behaviour", "行为")),
                Column("quantity", "number", ("qty", "数量")),
                Column("price", "number", ("unitprice", "价格", "单价")),
                Column("rating", "number", ("stars", "score", "评分")),
                Column("query", "text", ("searchterm", "searchquery", "搜索词")),
                Column("place", "text", ("slot",)),
                Column("campaign", "text", ("campaignid",)),
            ),
        ),
        TableSchema(
            "items",
            (
                Column("item_id", "id", ("id", *_ITEM), required=True),
                Column(
                    "title",
                    "text",
                    (
                        "name",
                        "productname",
                        "producttitle",
                        "itemname",
                        "productdisplayname",
                        "标题",
                        "商品名称",
                    ),
                ),
                Column("description", "text", ("longdescription", "shortdescription", "描述")),
                Column("image", "list", (*_PHOTO, "images", "photos")),
                Column("category", "list", ("categories", "categorypath", "类目", "分类")),
                Column("brand", "text", ("manufacturer", "品牌")),
                Column("price", "number", ("unitprice", "价格", "单价")),
                Column("attributes", "list", ("tags", "features", "属性")),
                Column("available", "flag", ("instock", "isavailable", "在售")),
                Column(
                    "published",
                    "time",
                    ("publishedat", "createdat", "datereleased", "releasedate", "上架时间"),
                ),
            ),
            own_columns=True,
        ),
        TableSchema("users", (Column("user_id", "id", ("id", *_USER), required=True),), own_columns=True),
        TableSchema(
            "reviews",
            (
                Column("item_id", "id", _ITEM, required=True),
                Column(
                    "text",
                    "text",
                    ("review", "reviewtext", "comment", "body", "detail", "评论"),
                    required=True,
                ),
                Column("user_id", "id", (*_USER, "reviewer", "reviewerid")),
                Column("rating", "number", ("stars", "score", "overall", "评分")),
                Column("timestamp", "time", _TIME),
            ),
        ),
        TableSchema(
            "photos",
            (
                Column("item_id", "id", _ITEM, required=True),
                Column("image", "text", _PHOTO, required=True),
                Column("split", "text", ("part",)),
            ),
        ),
        TableSchema(
            "relations",
            (
                Column("head", "id", ("source", "subject"), required=True),
                Column("tail", "id", ("target", "object"), required=True),
                Column("relation", "text", ("predicate", "linktype", "type")),
                Column("head_type", "text"),
                Column("tail_type", "text"),
            ),
        ),
        TableSchema(
            "impressions",
            (
                Column("list_id", "id", ("impressionid", "requestid"), required=True),
                Column("item_id", "id", _ITEM, required=True),
                Column("place", "number", ("position", "rank", "slot")),
                Column("propensity", "number"),
                Column("clicked", "flag", ("click", "isclick")),
                Column("user_id", "id", (*_USER, "subject")),
                Column("timestamp", "time", _TIME),
            ),
        ),
        TableSchema(  # what may be put before a shopper: a coupon, a campaign, a sponsored item; a row for each item
            "offers",
            (
                Column(
                    "offer_id",
                    "id",
                    ("id", "offer", "coupon", "couponid", "couponupc", "优惠券"),
                    required=True,
                ),
                Column("item_id", "id", _ITEM),
                Column("campaign", "text", ("campaignid",)),
                Column("starts", "time", ("startdate", "validfrom", "begin")),
                Column("ends", "time", ("enddate", "validuntil", "expires")),
            ),
            own_columns=True,
        ),
        TableSchema(  # an offer that was put before a shopper, and whether it was taken
            "responses",
            (
                Column("user_id", "id", _USER, required=True),
                Column(
                    "offer_id", "id", ("offer", "coupon", "couponid", "couponupc", "优惠券"), required=True
                ),
                Column("timestamp", "time", _TIME),
                Column("responded", "flag", ("response", "redeemed", "clicked", "converted")),
            ),
        ),
        TableSchema(
            "matches",
            (
                Column("left_id", "id", ("left", "ltableid"), required=True),
                Column("right_id", "id", ("right", "rtableid"), required=True),
                Column("label", "flag", ("match", "same"), required=True),
                Column("split", "text", ("part",)),
            ),
        ),
        TableSchema(
            "judgments",
            (
                Column("query", "text", ("searchterm",), required=True),
                Column("item_id", "id", ("docid", "documentid", *_ITEM), required=True),
                Column("gain", "number", ("grade", "relevance", "rating", "label"), required=True),
                Column("split", "text", ("part",)),
            ),
        ),
    )
}


def plain(name: str) -> str:
    """Return a column's name without case and punctuation: `Customer ID` and `customer_id` are the same."""
    return re.sub(r"[\W_]+", "", name).lower()
