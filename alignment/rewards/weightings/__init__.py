"""Weightings: from normalised channels to one reward a completion. Each is one module and one line of `WEIGHTINGS`."""

from alignment.common.registry import lookup
from alignment.rewards.weightings import rvpo, saw, static, tri_factor
from alignment.rewards.weightings.schema import Weighting

WEIGHTINGS = {
    "static": Weighting(static.init, static.combine),
    "tri_factor": Weighting(tri_factor.init, tri_factor.combine),
    "rvpo": Weighting(rvpo.init, rvpo.combine),
    "saw": Weighting(saw.init, saw.combine),
}


def get_weighting(name: str) -> Weighting:
    """Return the weighting called `name`, or raise `UserError` with the nearest known name."""
    return lookup(WEIGHTINGS, name, "weighting (--config.grpo.weighting)")
