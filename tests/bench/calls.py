"""What one finished clip asks of Discord: the calls that count against one token's limit.

The bot works in a playground, behind a proxy that writes down what it asks. Calls by an
interaction's token do not count against the limit of the bot's own.
"""

import asyncio
import re
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from bot.chat.connection import point_at
from playground import open_playground
from tests.bench.table import Row, text
from tests.rig.front import front
from tests.rig.house import working
from tests.rig.taking import clip_of, done

QUIET = 3.0  #: seconds after the clip, in which what belongs to it is still done


async def _counted(quiet: float) -> Counter[str]:
    """The calls of one clip, from its order on, by what they do."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_playground() as playground,
            front(playground) as there,
            working(playground, Path(folder)) as house,
        ):
            point_at(there.api_url, None)
            mira = playground.person("mira")
            asked = await mira.type("/video text", prompt="a red fox", duration=2)
            await asked.answered
            await clip_of(mira)
            await done(house, 1)
            await asyncio.sleep(quiet)
            return Counter(_route(*each) for each in there.asked)


def _route(method: str, path: str) -> str:
    """A call without its numbers, such as `PUT /channels/…/pins/…`."""
    return f"{method} {re.sub(r'/[0-9]{15,}|/[A-Za-z0-9_-]{40,}', '/…', unquote(path))}"


def rows(*, quiet: float = QUIET) -> list[Row]:
    """The row of the table."""
    found = asyncio.run(_counted(quiet))
    ours = {
        route: count
        for route, count in found.items()
        if "/webhooks/" not in route and "/interactions/" not in route
    }
    return [
        Row(
            name="calls of Discord by the bot's own token, a finished clip",
            against="–",
            figures=(float(sum(ours.values())),),
            goal=6,
            at_least=False,
            unit="",
            digits=0,
            note=", ".join(f"{count} {route}" for route, count in sorted(ours.items())),
        )
    ]


def main() -> None:
    """Print the row."""
    print(text(rows()), end="")
