"""Who is in each value segment, and what to do with them."""

from __future__ import annotations

from engagement_assets.domain.meanings import GROUPS

RECOMMENDED = {group.name: group.advice for group in GROUPS["value_segment"]}
WHO = {group.name: group.text for group in GROUPS["value_segment"]}
