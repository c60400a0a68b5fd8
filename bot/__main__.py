"""`dailies`, and `python -m bot`: a health check at once, anything else through `bot.app.cli`."""

import io
import sys
from contextlib import suppress


def main() -> None:
    """Run what was typed. A container asks for its health every 30 s, so that loads nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it was closed
            stream.reconfigure(errors="replace")  # "?" for what a terminal's encoding lacks
    if sys.argv[1:] in (["health"], ["health", "--live"]):
        from bot.app import health

        with suppress(health.NoAddress):  # then the command below says which setting is wrong
            sys.exit(health.main(*health.address(), live=sys.argv[2:] == ["--live"]))
    from bot.app.cli import main as command

    command()


if __name__ == "__main__":
    main()
