"""The filters in the heads of a grid's columns, as AG Grid sends them and the address keeps them: `{column: filter}`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, StrictInt, StrictStr, TypeAdapter, ValidationError

#: Columns that may be filtered at once, and conditions on one.
MOST_COLUMNS, MOST_CONDITIONS = 20, 5

#: Characters of a value, and of all filters together: an address keeps them.
LONGEST_VALUE, LONGEST = 200, 1_000

#: JavaScript knows no larger whole number exactly.
LARGEST_NUMBER = 2**53

Number = Annotated[StrictInt, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)] | FiniteFloat
Value = Annotated[StrictStr, Field(max_length=LONGEST_VALUE)] | Number | None


class Condition(BaseModel):
    """What a column is compared with, and how."""

    filterType: Value = None  # noqa: N815  (AG Grid's name)
    type: Value = None
    filter: Value = None
    filterTo: Value = None  # noqa: N815
    dateFrom: Value = None  # noqa: N815
    dateTo: Value = None  # noqa: N815


class ColumnFilter(Condition):
    """One condition, or several that are joined by `operator`."""

    operator: Literal["AND", "OR"] | None = None
    conditions: Annotated[list[Condition], Field(max_length=MOST_CONDITIONS)] | None = None


def _short(filters: dict[str, ColumnFilter]) -> dict[str, ColumnFilter]:
    if len(written({name: each.model_dump(exclude_none=True) for name, each in filters.items()})) > LONGEST:
        raise ValueError(f"the filters of all columns are longer than {LONGEST:,} characters")
    return filters


ColumnFilters = Annotated[
    dict[Annotated[StrictStr, Field(max_length=LONGEST_VALUE)], ColumnFilter],
    Field(max_length=MOST_COLUMNS),
    AfterValidator(_short),
]

_FILTERS: TypeAdapter[dict[str, ColumnFilter]] = TypeAdapter(ColumnFilters)


def read(filters: object) -> dict[str, Any]:
    """Filters with what is known of them and nothing else. Raises ValueError where they are too many, too long, or none."""
    try:
        found = (
            _FILTERS.validate_json(filters or "{}")
            if isinstance(filters, str)
            else _FILTERS.validate_python(filters or {})
        )
    except ValidationError as error:
        raise ValueError(str(error.errors(include_input=False)[0]["msg"])) from None
    return {name: each.model_dump(exclude_none=True) for name, each in found.items()}


def written(filters: dict[str, Any]) -> str:
    """Filters as the address has them; empty where there are none."""
    return json.dumps(filters, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if filters else ""
