"""Nothing stands in the code that nobody uses."""

from pathlib import Path

import pytest
from vulture import Vulture

ROOT = Path(__file__).parent.parent.parent
PRODUCT = ("bot", "cogs", "storage")

#: What registers a function, so that a library or our own routing calls it.
REGISTERING = [
    *("@commands.Cog.listener", "@*.command", "@*.autocomplete", "@pressed", "@sent"),
    *("@model_validator", "@answers"),
]
#: Names that a library looks for.
LOOKED_FOR = {
    "discord.py": {
        *("cog_load", "cog_unload", "interaction_check", "setup_hook", "before_identify_hook"),
        *("on_ready", "on_resumed", "on_shard_ready", "on_socket_event_type"),
        *("from_custom_id", "shard_ids", "shard_count", "BASE", "connector", "_reconnect"),
        *("warn_dave", "warn_nacl"),
    },
    "pydantic": {
        *("model_config", "settings_customise_sources", "env_settings", "file_secret_settings"),
    },
    "sqlite3 and psycopg": {"row_factory", "oid", "itersize", "prepare_threshold"},
    "simcord": {
        *("fp", "exc", "_closing", "command_name", "message_count", "initial_response_deadline"),
    },
    "isinstance, for a Protocol": {"announces"},
    "mypy, in quotes": {"ClientConfig", "RetryConfig", "HasId"},
}
EXCUSED = {name for names in LOOKED_FOR.values() for name in names}
#: What only tests ask for: they cannot look elsewhere.
LOOKED_AT = {
    "callback_port",  # of a listener that was given port 0
    *("video_codec", "rotation"),  # of a file that was written
    "MAKING",  # the state that SQL writes
    "answered_by",  # a column that is kept for whoever has to know
}


def unused(*folders, of, names=frozenset()):
    """What vulture finds in the folders *of*, where all of *folders* may use it."""
    found = Vulture(ignore_decorators=REGISTERING, ignore_names=sorted(EXCUSED | names))
    found.scavenge([ROOT / folder for folder in folders])
    homes = tuple(ROOT / folder for folder in of)
    return sorted(
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno} {item.name}"
        for item in found.get_unused_code()
        if any(item.filename.is_relative_to(home) for home in homes)
    )


@pytest.mark.long
def test_the_product_has_nothing_that_it_does_not_use():
    assert unused(*PRODUCT, "tools", of=PRODUCT, names=LOOKED_AT) == []


@pytest.mark.long
def test_the_playground_and_the_tools_have_nothing_that_nobody_uses():
    assert unused(*PRODUCT, "playground", "tests", "tools", of=("playground", "tools")) == []


@pytest.mark.long
def test_no_name_is_excused_that_is_used_by_now():
    found = Vulture(ignore_decorators=REGISTERING)
    found.scavenge([ROOT / folder for folder in (*PRODUCT, "playground")])
    assert (EXCUSED | LOOKED_AT) - {item.name for item in found.get_unused_code()} == set()


def test_what_nobody_uses_is_found(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("def used():\n    pass\n\n\ndef left_over():\n    pass\n\n\nused()\n")
    found = Vulture(ignore_decorators=REGISTERING)
    found.scavenge([file])
    assert [item.name for item in found.get_unused_code()] == ["left_over"]
