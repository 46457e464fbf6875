"""What to do with each value segment. Words for marketing people; change them here."""

from __future__ import annotations

RECOMMENDED = {
    "VIPs": "Reward and keep close: early access, personal thanks, referral invitations. No discounts.",
    "Converters-to-be": "They come often and spend little: bundles, free shipping from a threshold, product advice.",
    "Core": "Keep the rhythm: replenishment reminders, cross-sell, and a loyalty offer towards VIP.",
    "At-risk VIPs": "Win back first: personal contact, a time-limited offer, and ask what went wrong.",
    "Dormant": "Low-cost re-activation in a series of two or three mails; then rest the contact.",
}

#: Who the value segments are, in a few words.
WHO = {
    "VIPs": "highly engaged, high revenue",
    "Converters-to-be": "engaged, revenue still low",
    "Core": "medium engagement, high revenue",
    "At-risk VIPs": "low engagement, high revenue",
    "Dormant": "low engagement, low revenue",
}
