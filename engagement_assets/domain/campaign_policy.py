"""Who is addressed, why, and how often: the rules of the campaign audiences with their defaults."""

from __future__ import annotations

import hashlib
import re

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from engagement_assets.domain.scoring_policy import Share

#: `{column}`, or `{column|noun}` for a number of something: `{recency_days|day}` is "1 day" or "5 days".
PLACEHOLDER = re.compile(r"\{(\w+)(?:\|([\w ]+))?\}")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class AudienceRule(BaseModel):
    """One audience. SQL speaks of the columns of `engagement_scores`, and of `cart_abandoned_days_ago` (null without one)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="name of the audience and of its files: lower case, digits, underscores")
    condition: str = Field(description="SQL condition of its members")
    action: str = Field(description="recommended action, in words")
    evidence: str = Field(description="why a customer is in it; {column} and {column|noun} are filled in")
    value: str = Field(
        "coalesce(expected_revenue_90_days, 0.0)",
        description="SQL: what is at stake, by default the revenue expected in 90 days",
    )
    drop: str = Field(
        "coalesce(1.0 - return_chance, greatest(-coalesce(reference_score_change, 0.0), 0.01))",
        description="SQL: the share of it that may be lost, by default the chance not to come back; as long as that is not "
        "known the fall of the reference score in a window, 0.01 at least",
    )

    def __str__(self) -> str:
        return self.name

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} is no name of an audience: lower-case letters, digits and underscores")
        return value


#: In the order of precedence: a customer is in the first audience whose condition holds.
AUDIENCES = (
    AudienceRule(
        name="abandoned_cart",
        condition="cart_abandoned_days_ago is not null",
        action="Remind of the cart",
        evidence="left a cart {cart_abandoned_days_ago|day} ago and has not ordered since; {total_orders|order} so far",
        value="cast(coalesce(average_order_value, 0) as double)",
        drop="1.0",
    ),
    AudienceRule(
        name="save_slipping",
        condition="is_slipping",
        action="Win back while they can be saved: a personal offer, and ask what is missing",
        evidence="{slipping_reasons}; spent {revenue_last_365_days} in a year",
        value="cast(coalesce(revenue_last_365_days, 0) as double)",
        drop="1.0",  # in the order of the list of slipping customers
    ),
    AudienceRule(
        name="win_back_vips",
        # Who bought lately needs no winning back, however low the score.
        condition="value_segment in ('VIPs', 'At-risk VIPs') and lifecycle_stage in ('Slipping', 'Lapsed')",
        action="Win back with a personal offer",
        evidence="spent {total_revenue} in {total_orders|order}; {recency_days|day} since the last",
    ),
    AudienceRule(
        name="reward_vips",
        condition="value_segment = 'VIPs'",
        action="Reward and give early access",
        evidence="spent {total_revenue} in {total_orders|order}, the last {recency_days|day} ago",
    ),
    AudienceRule(
        name="second_order",
        condition="order_days = 1 and recency_days between 14 and 60",
        action="Ask for a second order: what fits the first one",
        evidence="ordered on one day, {recency_days|day} ago, for {total_revenue}; no second order yet",
    ),
    AudienceRule(
        name="welcome_new",
        condition="lifecycle_stage = 'New' or (lifecycle_stage = 'Prospect' and tenure_days < 7)",
        action="Welcome and show what there is",
        evidence="signed up {tenure_days|day} ago; {total_orders|order} so far",
        drop="1.0 - engagement_score",
    ),
    AudienceRule(
        name="convert_browsers",
        condition="value_segment = 'Converters-to-be' and total_orders = 0",
        action="Offer a first order",
        evidence="{engaged_sessions_last_30_days|engaged session} and {page_views_last_30_days|page view} of late, "
        "no order yet",
        value="cast(engaged_sessions_last_30_days + 2 * add_to_carts_last_30_days as double)",
        drop="1.0 - engagement_score",
    ),
    AudienceRule(
        name="wake_dormant",
        condition="value_segment = 'Dormant' and recency_days >= 60",
        action="Wake with a reminder",
        evidence="{recency_days|day} since the last of {total_orders|order}; spent {total_revenue}",
    ),
)


class CampaignPolicy(BaseModel):
    """How customers are chosen for campaigns, held out, capped and left alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audiences: tuple[AudienceRule, ...] = Field(
        AUDIENCES, description="the audiences in their order: a customer is in the first that fits (JSON)"
    )
    holdout_share: Share = Field(
        0.1, description="share of each audience that is held out, so that the uplift of a campaign can be measured"
    )
    holdout_shares: dict[str, Share] = Field(
        default_factory=dict,
        description="shares of single audiences that are held out instead, by the audience's name (JSON)",
    )
    holdout_seed: str = Field("1", description="another seed draws other customers for the hold-out")
    contact_every_days: int = Field(
        7, ge=1, le=365, description="a customer's day to be contacted comes once in so many days; 1: every day"
    )
    abandoned_cart_days: int = Field(7, ge=1, le=30, description="days for which a cart counts as left behind")
    opt_out: str | None = Field(
        None, description="file of customers who are never addressed: a customer_id per line; none: nobody opted out"
    )

    @model_validator(mode="after")
    def _distinct(self) -> CampaignPolicy:
        names = [rule.name for rule in self.audiences]
        if len(set(names)) < len(names):
            raise ValueError("each audience needs a name of its own")
        return self

    def share_held_out(self, audience: str) -> float:
        """The share of an audience that is held out."""
        return self.holdout_shares.get(audience, self.holdout_share)

    def is_held_out(self, audience: str, customer_id: str) -> bool:
        """Whether a customer of an audience is held out: the draw of `choose_audiences`, in Python."""
        drawn = hashlib.sha256(f"{self.holdout_seed}/{audience}/{customer_id}".encode()).hexdigest()[:8]
        return int(drawn, 16) / 2**32 < self.share_held_out(audience)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any rule."""
        # A policy without shares of single audiences is what it was before there were any.
        unset = set() if self.holdout_shares else {"holdout_shares"}
        return hashlib.sha256(self.model_dump_json(exclude=unset).encode()).hexdigest()[:12]


CART = "cart_abandoned_days_ago"
