"""`where`: one grammar of filters for every door.

    price<20 and category:shoes and available
    brand in (Acme, "Old Mill") or not (item_id in (sku-1, sku-2))

`field:value` holds where the field is that value or, for a path or a list, has it; comparisons are numeric where the
field is; a bare field holds where it is true. Words are compared without regard to case. An item without a value
satisfies no condition on it.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyparsing as pp

from shelfspace.errors import FilterError, did_you_mean
from shelfspace.shop.catalogue import Catalogue

Mask = npt.NDArray[np.bool_]
Condition = Callable[[Catalogue], Mask]

MAX_LENGTH = 10_000


def where_mask(where: str | None, catalogue: Catalogue) -> Mask:
    """Return bool [N]: the items that satisfy the filter; all of them without one. O(N) a condition.

    Raises:
        FilterError: the text cannot be read, or names a field that the catalogue does not have.

    Example:
        >>> where_mask("price<20 and category:shoes", catalogue)  # doctest: +SKIP
    """
    if where is None or not where.strip():
        return np.ones(len(catalogue), bool)
    if len(where) > MAX_LENGTH:
        raise FilterError(f"a filter of {len(where):,} characters is too long; the limit is {MAX_LENGTH:,}")
    condition = _read(where)
    return condition(catalogue)


@lru_cache(maxsize=1_024)
def _read(where: str) -> Condition:
    """Return what a filter says; the same text is read once."""
    try:
        condition: Condition = _GRAMMAR.parse_string(where, parse_all=True)[0]
    except pp.ParseException as problem:
        raise FilterError(
            f"cannot read the filter {where!r} at character {problem.loc + 1}; "
            "write it as: price<20 and category:shoes and available"
        ) from None
    except RecursionError:
        raise FilterError("the filter is nested too deeply") from None
    return condition


def _field(name: str, catalogue: Catalogue) -> pa.Array:
    known = ["item_id", *catalogue.table.column_names]
    if name == "item_id":
        return catalogue.ids.array
    if name not in known:
        raise FilterError(f"the catalogue has no field {name!r}{did_you_mean(name, known)}; known: {known}")
    return catalogue.table[name].combine_chunks()


def _true(values: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask


def _compare(name: str, sign: str, value: str, catalogue: Catalogue) -> Mask:
    field = _field(name, catalogue)
    if pa.types.is_list(field.type) or pa.types.is_boolean(field.type):
        if sign in ("=", "!="):
            same = _among(name, [value], catalogue)
            return same if sign == "=" else ~same & _true(field.is_valid())
        raise FilterError(f"{name} has no order; write {name}:{value}")
    operation: dict[str, Callable[..., pa.Array]]
    operation = {"<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
    operation |= {"=": pc.equal, "!=": pc.not_equal}
    if pa.types.is_string(field.type):
        return _true(operation[sign](pc.utf8_lower(field), value.lower()))
    try:
        number = float(value)
    except ValueError:
        raise FilterError(f"{name} is a number; {value!r} is not") from None
    return _true(operation[sign](field.cast(pa.float64()), number))


def _among(name: str, values: list[str], catalogue: Catalogue) -> Mask:
    field, wanted = _field(name, catalogue), pa.array([v.lower() for v in values], pa.string())
    if pa.types.is_list(field.type):
        owners = pc.list_parent_indices(field).to_numpy()
        hit = _true(pc.is_in(pc.utf8_lower(pc.list_flatten(field).cast(pa.string())), value_set=wanted))
        mask = np.zeros(len(field), bool)
        mask[owners[hit]] = True
        return mask
    if name == "item_id":
        return _true(pc.is_in(field, value_set=pa.array(values, pa.string())))
    if pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
        mask = np.zeros(len(field), bool)
        for value in values:
            mask |= _compare(name, "=", value, catalogue)
        return mask
    return _true(pc.is_in(pc.utf8_lower(field.cast(pa.string())), value_set=wanted))


def _holds(name: str, catalogue: Catalogue) -> Mask:
    field = _field(name, catalogue)
    if not pa.types.is_boolean(field.type):
        raise FilterError(f"{name} is not true or false; compare it with something, as in {name}:value")
    return _true(field)


def _grammar() -> pp.ParserElement:
    word = pp.Regex(r"[^\s<>=!:(),'\"]+")
    quoted = pp.QuotedString('"', esc_char="\\") | pp.QuotedString("'", esc_char="\\")
    keyword = pp.CaselessKeyword("and") | pp.CaselessKeyword("or") | pp.CaselessKeyword("not")
    name = ~keyword + pp.Regex(r"[^\W\d][\w.-]*")
    value = quoted | word
    group = pp.Suppress("(") + pp.DelimitedList(value) + pp.Suppress(")")
    comparison = (name + pp.one_of("<= >= != < > =") + value).set_parse_action(
        lambda t: partial(_compare, t[0], t[1], t[2])
    )
    has = (name + pp.Suppress(":") + value).set_parse_action(lambda t: partial(_among, t[0], [t[1]]))
    among = (name + pp.Suppress(pp.CaselessKeyword("in")) + group).set_parse_action(
        lambda t: partial(_among, t[0], list(t[1:]))
    )
    bare = name.copy().add_parse_action(lambda t: partial(_holds, t[0]))
    grammar: pp.ParserElement = pp.infix_notation(
        comparison | has | among | bare,
        [
            (pp.CaselessKeyword("not"), 1, pp.OpAssoc.RIGHT, _negation),
            (
                pp.CaselessKeyword("and"),
                2,
                pp.OpAssoc.LEFT,
                lambda t: partial(_joined, np.logical_and, t[0][::2]),
            ),
            (
                pp.CaselessKeyword("or"),
                2,
                pp.OpAssoc.LEFT,
                lambda t: partial(_joined, np.logical_or, t[0][::2]),
            ),
        ],
    )
    return grammar


def _negation(tokens: pp.ParseResults) -> Condition:
    inner: Condition = tokens[0][1]
    return lambda catalogue: ~inner(catalogue)


def _joined(operation: np.ufunc, conditions: list[Condition], catalogue: Catalogue) -> Mask:
    masks = [condition(catalogue) for condition in conditions]
    return np.asarray(operation.reduce(masks))


_GRAMMAR = _grammar()
