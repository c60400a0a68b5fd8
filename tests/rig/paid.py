"""A house whose clips cost credits, and how people and moderators act in it."""

from datetime import date
from decimal import Decimal

import aiohttp

from bot.catalog.model import Price
from tests.rig.doubles import Held, model
from tests.rig.house import until

CHART = 60  #: seconds that the first chart may take on a busy machine, which loads fonts
PRICED = Price(per_second={"*": Decimal("0.01")}, dated=date(2026, 1, 1), source="the tests")


def paid_provider(**options):
    """Holds its clips until it is told; six seconds cost six credits."""
    return Held(models=(model(price=PRICED),), **options)


async def said(person, command, /, **options):
    """What the bot answers, to this person alone."""
    asked = await person.type(command, **options)
    await asked.answered
    message = await until(lambda: asked.message if _settled(asked.message) else None, CHART)
    assert asked.ephemeral, message.text
    return message


def _settled(message):
    return message is not None and not message.loading


async def ordered(person, **options):
    """An order, and the first answer to it."""
    asked = await person.type("/video text", **{"prompt": "a fox", **options})
    await asked.answered
    return asked


async def pressed(person, message, label):
    """A button, and the first answer to it."""
    done = await person.click(message, label)
    await done.answered
    return done


async def fetched(attachment):
    """The bytes of an attachment."""
    async with aiohttp.ClientSession() as web, web.get(attachment.url) as answer:
        return await answer.read()


async def turned(person, panel, title):
    """The panel of /studio setup once it shows the page of this title."""
    done = await person.click(panel, title)
    await done.answered
    return await until(
        lambda: (shown := person.message(panel.id, panel.channel_id)).text != panel.text and shown
    )
