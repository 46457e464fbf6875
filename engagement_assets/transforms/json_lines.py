"""Lines of JSON: which are exactly one object, and what their fields hold, to the letter, on every engine.

No engine's `from_json` tells. They read damaged lines, or two objects of which they lose one, as rows of nulls; take `NaN`,
single quotes and half of an emoji for JSON; keep one of two equal keys; and turn the identifier 12345678901234567890123 into
1.2345678901234568e+22. What counts here is RFC 8259 with three limits of I-JSON (RFC 7493): keys of an object are unique,
text is Unicode (no lone surrogates), and nothing is nested deeper than DEEPEST.

Nearly every line is a flat object of plain strings and short numbers, and is recognised by its looks. Of the others every
string and number is marked first, so that it arrives as text that says what it was: `"s` begins a string, `["n` a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

BYTE_ORDER_MARK = "\ufeff"
WHITE_SPACE = " \t\r\n"

#: Lists and objects within each other; engines give up at 127 and at 1,000.
DEEPEST = 100

# Ends are \z: in Java, $ is also before a last line break, of which Unicode has several.
# Short enough for every engine's numbers; -0 is no such number, because one engine drops its sign.
_SHORT_NUMBER = r"(-?[1-9][0-9]{0,14}([.][0-9]{1,15})?|0([.][0-9]{1,15})?|-0[.][0-9]{1,15})"
_PLAIN_TEXT = r'"[^"\\\x00-\x1f]*"'
_MEMBER = rf"{_PLAIN_TEXT}[ \t]*:[ \t]*({_PLAIN_TEXT}|{_SHORT_NUMBER}|true|false|null)[ \t]*"
_PLAIN_OBJECT = rf"^\{{[ \t]*({_MEMBER},[ \t]*){{0,30}}{_MEMBER}\}}\z"

#: What a plain field's text may have been besides a string: a word, or a number that engines spell in their own way.
_WORD_OR_FRACTION = r"^(true|false|-?[0-9]+[.][0-9]+)\z"

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?"

# Control characters are no JSON, so they can stand for something while a line is being marked.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_BACKSLASHES, _QUOTE, _OPEN, _MIDDLE, _CLOSE = "\x01", "\x02", "\x03", "\x04", "\x05"

_SURROGATE_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATE = r"\\u[dD][89a-fA-F]"


def path_of(name: str) -> tuple[str, ...]:
    """The keys that lead to a field: `properties.revenue` is `revenue` within `properties`."""
    return tuple(name.split("."))


def parse_lines(lines: DataFrame, fields: Mapping[str, Sequence[str]]) -> DataFrame:
    """Read the fields of JSON objects, one object a line.

    Parameters: `lines` has `value` (text) and any other columns; `fields` says the keys that lead to each field.
    Returns: `lines` plus `is_blank`, `is_object` and, for each field, `<field>_text` (null where it is absent, null or
    blank; strings trimmed, numbers digit for digit) and `<field>_kind` (string, number, other; null with the text).
    A field `a.b` is also found under the one key `a.b`.
    """
    line = F.trim(F.regexp_replace("value", f"^{BYTE_ORDER_MARK}", ""), F.lit(WHITE_SPACE))
    plain = F.col("line").rlike(_PLAIN_OBJECT) & _has_unique_keys(F.col("line"))
    keys = list(dict.fromkeys([*(path[0] for path in fields.values()), *(".".join(path) for path in fields.values())]))
    found = lines.withColumn("line", line).withColumn("plain", F.when(plain, F.from_json("line", _texts(keys))))
    unsure = F.lit(False)
    for path in fields.values():
        unsure = unsure | F.coalesce(_plain(path).rlike(_WORD_OR_FRACTION), F.lit(False))
    found = found.withColumn("is_clear", F.col("plain").isNotNull() & ~unsure)
    # Conditions within conditions: engines work out beforehand what two parts of one condition have in common.
    marked = F.when(is_possible(F.col("line")), mark(F.col("line")))
    found = found.withColumn("marked_line", F.when(~F.col("is_clear"), marked))
    # A line is one value only if it can be parsed both as the single element of a list and as the value of a key:
    # `{},{}` passes the first test, `{},"b":{}` the second, nothing but one value both.
    in_list = F.try_parse_json(F.concat(F.lit("["), F.col("marked_line"), F.lit("]"))).isNotNull()
    in_object = F.try_parse_json(F.concat(F.lit('{"r":'), F.col("marked_line"), F.lit("}"))).isNotNull()
    strict = F.when(in_list & in_object, F.from_json("marked_line", _texts([f"s{key}" for key in keys])))
    found = found.withColumn("marked", F.when(F.col("marked_line").isNotNull(), strict))
    columns = []
    for name, path in fields.items():
        text, kind = _unmarked(_marked(path))
        plain_text = F.when(F.col("is_clear"), _plain(path))
        value = F.trim(F.coalesce(plain_text, text))
        present = value != ""
        columns.append(F.when(present, value).alias(f"{name}_text"))
        # Short numbers are told by their digits: whoever wrote them as a string meant the same.
        columns.append(F.when(present, F.when(F.col("is_clear"), "string").otherwise(kind)).alias(f"{name}_kind"))
    return found.select(
        *lines.columns,
        (F.col("line") == "").alias("is_blank"),
        (F.col("is_clear") | F.col("marked").isNotNull()).alias("is_object"),
        *columns,
    )


def _texts(keys: Sequence[str]) -> str:
    """The schema of an object whose values are taken as text."""
    return ", ".join(f"`{key.replace('`', '``')}` string" for key in keys)


def _plain(path: Sequence[str]) -> Column:
    """The field of a plain object: nothing lies within others there."""
    return F.col("plain").getField(".".join(path))


def _marked(path: Sequence[str]) -> Column:
    """The field of a marked object."""
    whole = F.col("marked").getField("s" + ".".join(path))
    if len(path) == 1:
        return whole
    found = F.col("marked").getField(f"s{path[0]}")
    for key in path[1:]:
        inner = F.from_json(F.when(found.startswith("{"), found), _texts([f"s{key}"]))
        found = inner.getField(f"s{key}")
    return F.coalesce(whole, found)


def _has_unique_keys(line: Column) -> Column:
    keys = F.json_object_keys(line)
    return F.size(keys) == F.size(F.array_distinct(keys))


def is_possible(line: Column) -> Column:
    """Whether a line may be an object: it has an object's braces, no control characters, no half emoji, bearable depth."""
    hidden = F.replace(line, F.lit("\\\\"), F.lit(""))
    surrogates = F.regexp_replace(hidden, _SURROGATE_PAIR, "").rlike(_SURROGATE)
    return line.startswith("{") & line.endswith("}") & ~line.rlike(_CONTROL) & ~surrogates & ~_is_too_deep(line)


def _is_too_deep(line: Column) -> Column:
    """Whether brackets are nested deeper than DEEPEST: as many times the innermost pairs are taken away; is any left?"""
    without_text = F.regexp_replace(_hide_escapes(line), '"[^"]*"', "")
    brackets = F.translate(F.regexp_replace(without_text, r"[^\[\]{}]", ""), "{}", "[]")
    left = F.aggregate(
        F.sequence(F.lit(1), F.lit(DEEPEST)), brackets, lambda rest, _: F.replace(rest, F.lit("[]"), F.lit(""))
    )
    return F.when(F.length(brackets) <= 2 * DEEPEST, False).otherwise(F.length(left) > 0)


def _hide_escapes(line: Column) -> Column:
    r"""Put characters of their own for `\\` and `\"`, so that each `"` left begins or ends a string."""
    return F.replace(F.replace(line, F.lit("\\\\"), F.lit(_BACKSLASHES)), F.lit('\\"'), F.lit(_QUOTE))


def mark(line: Column) -> Column:
    """Mark each string and number of a line: `"x"` becomes `"sx"`, `1.50` becomes `["n1.50"]`.

    A line that was no JSON stays none: strings stay strings, and a number where none may be, or a wrong one such as `01`,
    becomes a list where none may be. Engines parse no number any more, so none overflows or is rounded.
    """
    tokens = F.regexp_replace(_hide_escapes(line), f'"([^"]*)"|({_NUMBER})', f"{_OPEN}$1{_MIDDLE}$2{_CLOSE}")
    for found, put in (
        (_MIDDLE + _CLOSE, '"'),  # the end of a string: no number in it
        (_OPEN + _MIDDLE, '["n'),
        (_CLOSE, '"]'),
        (_OPEN, '"s'),
        (_BACKSLASHES, "\\\\"),
        (_QUOTE, '\\"'),
    ):
        tokens = F.replace(tokens, F.lit(found), F.lit(put))
    return tokens


def _unmarked(marked: Column) -> tuple[Column, Column]:
    """Text and kind of a marked field. Of values that are no scalar the text is there, so that they count as present."""
    is_string, is_number = marked.startswith("s"), marked.startswith('["n')
    text = (
        F.when(is_string, F.substring(marked, F.lit(2), F.length(marked)))
        .when(is_number, F.substring(marked, F.lit(4), F.length(marked) - 5))
        .otherwise(marked)
    )
    return text, F.when(is_string, "string").when(is_number, "number").otherwise("other")
