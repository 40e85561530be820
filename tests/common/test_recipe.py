"""A configuration written as a file is the same configuration when it is read."""

from __future__ import annotations

from alignment import cli
from alignment.common.recipe import recipe_file
from alignment.config import default_config


def test_a_written_configuration_is_read_again(tmp_path):
    config = default_config()
    config.grpo.update(beta=0.1 + 0.2, channels=("format=2", "my.package.channel=1"), reward="decoupled_v1")
    config.data.rl.path = 'a "quoted" {path}'
    config.seeds = (3,)
    file = tmp_path / "recipe.py"
    file.write_text(recipe_file("Every leaf.", cli.leaves(config), "first\n\nsecond {brace}"))
    assert cli.leaves(cli.load_config(str(file), default_config())) == cli.leaves(config)
    assert file.read_text().startswith('"""Every leaf."""\n# first\n#\n# second {brace}\n\nfrom alignment.config')
