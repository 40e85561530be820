"""The configuration of one stage: that of the run, with the leaves of `grpo` in which a variant of an arm differs."""

from __future__ import annotations

from ml_collections import ConfigDict

from alignment.arms import Stage
from alignment.common.declaration import describe_type, flatten, read_as
from alignment.common.registry import did_you_mean
from alignment.config_checks import check_leaf
from alignment.errors import UserError


def stage_config(config: ConfigDict, stage: Stage | None) -> ConfigDict:
    """Return the configuration of `stage`; that of the run where it is no variant, or where there is no stage.

    Raises:
      UserError: `grpo` has no such leaf, or the value is of another type or out of range.
    """
    if stage is None or not stage.variant:
        return config
    known = flatten(config.grpo)
    changed = config.copy_and_resolve_references()
    with changed.unlocked():
        for name, text in stage.variant:
            flag = f"--config.arms=...@{name}={text}"
            if name not in known:
                raise UserError(f"{flag}: grpo has no leaf {name!r}; {did_you_mean(name, known)}".rstrip())
            try:
                value = read_as(known[name], text)
            except ValueError:
                raise UserError(f"{flag}: not {describe_type(known[name])}") from None
            check_leaf(f"grpo.{name}", value, flag)
            changed.grpo.update_from_flattened_dict({name: value})
    return changed.lock()
