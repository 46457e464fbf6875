"""A seeded generator of believable behaviour: what `data/raw` was made with, and data of any size for trying and measuring.

`people` says who the customers are, `activity` what they do, `faults` what goes wrong; `customers_source`, `orders_source` and
`events_source` write the files. `generate` returns an exact account of what is in them.
"""

from engagement_assets.sample_data.account import Tally
from engagement_assets.sample_data.files import TargetError
from engagement_assets.sample_data.generator import generate

__all__ = ["Tally", "TargetError", "generate"]
