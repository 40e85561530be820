from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.config import default_config
from alignment.evaluation.watch import watch_summary
from alignment.rewards.watch import SYMPTOMS, Limits, Watch

LIMITS = Limits(**default_config().watch)


def rows(shares, name="stem_copy"):
    return [{"step": step, f"watch/{name}": share} for step, share in enumerate(shares, start=1)]


def test_since_and_peak_by_hand():
    found = watch_summary(rows([0.6, 0.7, 0.5, 0.6, 0.9, 0.9, 0.1]), LIMITS)["watch"]
    assert found == {"stem_copy": {"since": 4, "peak": 0.9, "peak_step": 5}}


def test_a_short_run_of_a_symptom_is_no_alarm():
    assert watch_summary(rows([0.6, 0.9, 0.5, 0.6, 0.9]), LIMITS)["watch"]["stem_copy"]["since"] is None


def test_no_stage_and_no_metric():
    assert watch_summary([], LIMITS) == watch_summary(None, LIMITS) == {"watch": None}
    assert watch_summary([{"step": 1, "watch/stem_copy": None}], LIMITS) == {"watch": {}}


@given(st.lists(st.sampled_from([0.0, 0.5, 0.6, 1.0]), min_size=1, max_size=12))
def test_the_report_agrees_with_the_alarm_in_training(shares):
    """The alarm rings `patience` - 1 steps after the run it reports began."""
    state, rang = Watch(np.float32(1.0), np.zeros(len(SYMPTOMS), np.int32)), None
    for step, share in enumerate(shares, start=1):
        state = state._replace(streaks=np.where(share > LIMITS.share, state.streaks + 1, 0))
        rang = rang or (step if (state.streaks == LIMITS.patience).all() else None)
    since = watch_summary(rows(shares), LIMITS)["watch"]["stem_copy"]["since"]
    assert since == (None if rang is None else rang - LIMITS.patience + 1)
