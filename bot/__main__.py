"""`dailies`, and `python -m bot`: a health check at once, anything else through `bot.app.cli`."""

import sys


def main() -> None:
    """Run what was typed. A container asks for its health every 30 s, so that loads nothing."""
    if sys.argv[1:] in (["health"], ["health", "--live"]):
        from bot.app.health import main as health

        sys.exit(health(live=sys.argv[2:] == ["--live"]))
    from bot.app.cli import main as command

    command()


if __name__ == "__main__":
    main()
