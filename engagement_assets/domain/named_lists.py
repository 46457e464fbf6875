"""Lists of customers with a name: the file `lists.toml` (`ENGAGEMENT_LISTS`), as data. docs/dashboard.md explains its keys.

A list that says what to do with its customers (`action`) is an audience too.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator, model_validator

from engagement_assets.domain.campaign_policy import AudienceRule
from engagement_assets.domain.customer_filters import FILTERS, Chosen, chosen, snapshot_sql, words
from engagement_assets.domain.sources import in_words
from engagement_assets.domain.toml_files import MisfitError, parse_toml


class NamedList(BaseModel):
    """A list: what it is called, whom it holds, and, if it is an audience, what to do with them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=60, description="what the navigation calls it")
    where: dict[str, tuple[str, ...]] = Field(description="filters, as in the address of the list")
    sort: tuple[str, ...] = Field((), max_length=3, description="order: column:asc or column:desc")
    action: str | None = Field(None, min_length=1, description="what to do with them: makes the list an audience")
    evidence: str | None = Field(None, description="why a customer is in it; {column} is filled in")

    @field_validator("where", mode="before")
    @classmethod
    def _filters(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise ValueError('name at least one filter, for example where = { slipping = true, country = ["DE"] }')
        return {key: _read(key, texts) for key, texts in value.items()}

    @property
    def filters(self) -> Chosen:
        """The filters, in the order that addresses have."""
        return chosen(self.where)[0]

    def audience(self, name: str) -> AudienceRule | None:
        """The audience that the list is; None if it says no action. Raises MisfitError for filters that no audience can have."""
        if self.action is None:
            return None
        return AudienceRule(
            name=name,
            condition=snapshot_sql(self.filters),
            action=self.action,
            evidence=self.evidence or words(self.filters).replace("{", "").replace("}", ""),
        )


class NamedLists(RootModel[dict[str, NamedList]]):
    """The file as a whole: name -> list, in its order."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _audiences(self) -> NamedLists:
        for name, each in self.root.items():
            try:
                each.audience(name)
            except ValidationError as error:
                raise MisfitError((name,), str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
            except MisfitError as error:
                raise MisfitError((name, "where", *error.place), str(error)) from None
        return self

    @property
    def audiences(self) -> tuple[AudienceRule, ...]:
        """Those of the lists that are audiences."""
        return tuple(rule for name, each in self.root.items() if (rule := each.audience(name)))


class NamedListError(ValueError):
    """`lists.toml` cannot be used; the message names line and key, and says what to write."""


def _read(key: str, value: Any) -> tuple[str, ...]:
    if key not in FILTERS:
        raise MisfitError((key,), f"there is no such filter; there are {in_words(list(FILTERS), 'and')}")
    values = value if isinstance(value, list) else [value]
    texts = [("yes" if each else "no") if isinstance(each, bool) else str(each) for each in values]
    try:
        return FILTERS[key].read(texts)
    except ValueError as error:
        raise MisfitError((key,), str(error)) from None


def parse_lists(text: str, file: str) -> NamedLists:
    """The lists that a file says; raises NamedListError for the first thing that is wrong, with its line."""
    keys = in_words(list(NamedList.model_fields), "and")
    return parse_toml(text, file, NamedLists, NamedListError, lambda _: f"there are {keys}")
