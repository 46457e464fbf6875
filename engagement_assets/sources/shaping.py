"""Between reading and validating: what `sources.toml` says of columns, so that each value is what the contract wants.

Names, spellings of times and amounts, event types, currencies and conditions; what is left is judged as any other row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.source_mapping import EPOCHS, ISO, UPDATED_AT, Condition, SourceMapping, Term
from engagement_assets.sources.reading import Rows
from engagement_assets.sources.source import Field, Source
from engagement_assets.transforms import conversions, spellings
from engagement_assets.transforms.conversions import LARGEST_MONEY, Kind

#: What an amount is while it is calculated, and a factor of it: their product fits the largest decimal of every engine.
AMOUNT, _FACTOR, _PRODUCT = "decimal(24,6)", "decimal(12,6)", "decimal(18,6)"

_Given = tuple[Column, "Kind | Column"]


@dataclass(frozen=True)
class Shape:
    """A value of the contract: as text (null where it is missing), converted (null where it cannot be), and its day."""

    text: Column
    value: Column
    day: Column | None = None


@dataclass
class _Steps:
    """What is computed once for several columns: an engine computes an expression as often as it stands somewhere."""

    frame: DataFrame
    _number: int = 0

    def once(self, column: Column) -> Column:
        """The column, computed before the others."""
        self._number += 1
        name = f"_step_{self._number}"
        self.frame = self.frame.withColumn(name, column)
        return F.col(name)


def shapes(rows: Rows, source: Source, mapping: SourceMapping | None) -> tuple[DataFrame, dict[str, Shape]]:
    """The rows with what the values are made of, and for each column of the contract its values."""
    if mapping is None:
        return rows.frame, {field.name: _as_it_is(field, _given(rows, field.name)) for field in source.fields}
    found, steps = {}, _Steps(rows.frame)
    renamed: dict[str, Mapping[str, str]] = {"event_type": mapping.event_types, "campaign": mapping.campaigns}
    for field in source.fields:
        term = mapping.terms.get(field.name, Term(constant=""))
        if term.constant is not None:
            found[field.name] = _as_it_is(field, (F.lit(term.constant or None).cast("string"), "text"))
        elif term.is_put_together:
            found[field.name] = _as_it_is(
                field, (_together([_text(_given(rows, name)) for name in term.columns]), "text")
            )
        elif field.convert is conversions.identifier and mapping.whole_number_ids:
            column, kind = _given(rows, term.columns[0])
            found[field.name] = _as_it_is(field, (conversions.whole_number(column), kind))
        elif field.convert is conversions.money:
            found[field.name] = _amount(steps, rows, term, mapping)
        elif field.day is not None:
            found[field.name] = _time(steps, field, _given(rows, term.columns[0]), mapping)
        elif field.name in renamed:
            found[field.name] = _as_it_is(field, _renamed(_given(rows, term.columns[0]), renamed[field.name]))
        else:
            found[field.name] = _as_it_is(field, _given(rows, term.columns[0]))
    if UPDATED_AT in mapping.columns:
        given = _given(rows, mapping.terms[UPDATED_AT].columns[0])
        found[UPDATED_AT] = _time(steps, Field(UPDATED_AT, conversions.instant, day=conversions.day), given, mapping)
    return steps.frame, found


def _together(texts: Sequence[Column]) -> Column:
    """Texts as one, null where one of them is."""
    is_whole = reduce(lambda one, other: one & other, [text.isNotNull() for text in texts])
    return F.when(is_whole, F.concat_ws(" ", *texts))


def text_of(rows: Rows, mapping: SourceMapping | None, name: str) -> Column:
    """What `sources.toml` calls by a name, as text; null where it does not."""
    term = Term(constant="") if mapping is None else mapping.terms.get(name, Term(constant=""))
    if term.constant is not None:
        return F.lit(term.constant or None).cast("string")
    return _text(_given(rows, term.columns[0]))


def text_given(rows: Rows, asked: str) -> Column:
    """A column of the rows as text; null where it is nowhere."""
    return _text(_given(rows, asked))


def number_given(rows: Rows, asked: str, mapping: SourceMapping) -> Column:
    """A column of the rows as a number, null where it is none, in the spelling of the mapping."""
    return _decimal(_number(_given(rows, asked), mapping))


def whole_verdict(rows: Rows, mapping: SourceMapping | None) -> Column:
    """The verdict on a row as a whole: that of its reading, or FILTERED where a condition is not met, or null."""
    read = F.lit(None).cast("string") if rows.verdict is None else rows.verdict
    if mapping is None:
        return read
    tests = [_meets(condition, _text(_given(rows, condition.column))) for condition in mapping.conditions]
    meets = reduce(lambda one, other: one & other, tests, F.lit(True))
    currency = F.lit(None).cast("string")
    if mapping.currency is not None:
        told = _text(_given(rows, mapping.currency.column))
        currency = F.when(~F.coalesce(told.isin(*mapping.currency.rates), F.lit(False)), verdicts.UNKNOWN_CURRENCY)
    return F.coalesce(read, F.when(~meets, verdicts.FILTERED), currency)


def _given(rows: Rows, asked: str) -> _Given:
    return rows.given.get(asked, (F.lit(None).cast("string"), "text"))


def _as_it_is(field: Field, given: _Given) -> Shape:
    text, value = field.convert(*given)
    return Shape(text, value, None if field.day is None else field.day(*given)[1])


def _text(given: _Given) -> Column:
    column, kind = given
    return conversions.text_of(column, kind) if isinstance(kind, str) else column


def _meets(condition: Condition, text: Column) -> Column:
    if condition.test == "is empty":
        met = text.isNull()
    elif condition.test == "in":
        met = text.isin(*condition.values)
    else:
        met = reduce(
            lambda one, other: one | other, [text.startswith(begin) for begin in condition.values], F.lit(False)
        )
    met = F.coalesce(met, F.lit(False))
    return ~met if condition.negated else met


def _renamed(given: _Given, names: Mapping[str, str]) -> _Given:
    _, kind = given
    text = _text(given)
    found = reduce(lambda rest, pair: F.when(text == pair[0], pair[1]).otherwise(rest), names.items(), text)
    return (found, "text") if isinstance(kind, str) else (found, kind)


def _time(steps: _Steps, field: Field, given: _Given, mapping: SourceMapping) -> Shape:
    """A time as the mapping spells it; typed dates and instants say themselves what they are."""
    column, kind = given
    if isinstance(kind, str) and kind in ("date", "timestamp"):
        return _as_it_is(field, given)
    if isinstance(kind, str) and kind == "clock_time":
        as_it_is = _as_it_is(field, given)
        if mapping.timezone is None:
            return as_it_is
        instant = spellings.instant_in_zone(column, mapping.timezone)
        value = _of_day(field, F.when(as_it_is.value.isNotNull(), instant))
        return Shape(as_it_is.text, value, F.to_date(instant))
    text = _text(given)
    if mapping.time_format in EPOCHS:
        instant = steps.once(spellings.instant_of_epoch(text, EPOCHS[mapping.time_format]))
        return Shape(text, _of_day(field, instant), F.to_date(instant))
    # A number is no time that is written, in JSON and in tables.
    written = text if isinstance(kind, str) else F.when(kind == "string", text)
    if isinstance(kind, str) and kind != "text":
        written = F.when(F.lit(mapping.time_format != ISO), text)
    is_iso = mapping.time_format == ISO
    iso = steps.once(spellings.iso_of(written) if is_iso else spellings.iso_by_format(written, mapping.time_format))
    instant = steps.once(conversions.instant(iso, "text")[1])
    _, day = conversions.day(iso, "text")
    if mapping.timezone is not None:
        is_naive = iso.rlike(r"^.{10}[T ]") & ~F.substring(iso, 11, 40).rlike(r"[Z+-]")
        in_zone = F.when(
            instant.isNotNull(), spellings.instant_in_zone(iso.try_cast("timestamp_ntz"), mapping.timezone)
        )
        instant, day = F.when(is_naive, in_zone).otherwise(instant), F.when(is_naive, F.to_date(in_zone)).otherwise(day)
    return Shape(text, day if field.convert is conversions.day else instant, day)


def _of_day(field: Field, instant: Column) -> Column:
    return F.to_date(instant) if field.convert is conversions.day else instant


def _amount(steps: _Steps, rows: Rows, term: Term, mapping: SourceMapping) -> Shape:
    """An amount, calculated without loss; in cents, but for lines of orders, which are summed up first."""
    given = [_given(rows, column) for column in term.columns]
    texts = [_text(each) for each in given]
    text = texts[0]
    if len(texts) > 1:
        together = F.concat_ws(" * ", *texts)
        text = F.when(reduce(lambda one, other: one & other, [each.isNotNull() for each in texts]), together)
    numbers = [steps.once(_number(each, mapping)) for each in given]
    if len(numbers) == 1 and term.factor == 1 and mapping.currency is None and not mapping.lines:
        return Shape(text, conversions.money(numbers[0], "text")[1])
    is_number = reduce(lambda one, other: one & other, [spellings.is_number(number) for number in numbers])
    value = reduce(
        lambda one, other: (one * other).try_cast(AMOUNT).try_cast(_PRODUCT), [_decimal(each) for each in numbers]
    )
    for factor in (F.lit(str(term.factor)).cast(_FACTOR), *_rate(rows, mapping)):
        value = (value.try_cast(AMOUNT) * factor).try_cast(AMOUNT)
    too_large = F.lit(LARGEST_MONEY).cast(AMOUNT)
    value = steps.once(F.when(is_number, F.coalesce(value, too_large)))
    # `least` passes over a null, which is what is no number.
    cents = F.when(value.isNotNull(), F.least(value, too_large)).cast("decimal(18,2)")
    return Shape(text, value if mapping.lines else cents)


def _number(given: _Given, mapping: SourceMapping) -> Column:
    """The text of a number; null of what is a number in no spelling."""
    _, kind = given
    text = _text(given)
    if not isinstance(kind, str):
        written = F.when(kind == "number", text).when(kind == "string", spellings.plain_number(text, mapping.decimal))
        return written
    if kind == "text":
        return spellings.plain_number(text, mapping.decimal)
    return text if kind in ("integer", "decimal", "float") else F.lit(None).cast("string")


def _decimal(text: Column) -> Column:
    return F.when(spellings.is_number(text), text).try_cast(_PRODUCT)


def _rate(rows: Rows, mapping: SourceMapping) -> list[Column]:
    if mapping.currency is None:
        return []
    told = _text(_given(rows, mapping.currency.column))
    nothing = F.lit(None).cast(_FACTOR)
    rates: Mapping[str, object] = mapping.currency.rates
    return [
        reduce(
            lambda rest, pair: F.when(told == pair[0], F.lit(str(pair[1])).cast(_FACTOR)).otherwise(rest),
            rates.items(),
            nothing,
        )
    ]
