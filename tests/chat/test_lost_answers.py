"""Discord takes a first answer and its confirmation is lost: that is a yes, and nothing is said
twice."""

import asyncio

import pytest

from playground.discord.trouble import CUT, EDGE_503, EMPTY, LOST_502, RESET, UNREACHED
from tests.rig.house import until
from tests.rig.paid import said
from tests.rig.proving import one_in

LOST = pytest.mark.parametrize(
    "way", one_in(2, [LOST_502, RESET, CUT, EMPTY]), ids=lambda way: way.name
)


class Watch:
    """What somebody is shown from now on."""

    def __init__(self, playground, person, way, *, method="POST", path=r"/callback$"):
        self._person = person
        self._before = {each.id for each in person.everything()}
        self._lost = playground.trouble(method, path, way)

    async def shown(self):
        """The only message that came, when no other follows any more."""
        await until(lambda: self._lost.met and self._new() and not self._new()[0].loading)
        await self.nothing_more()
        [message] = self._new()
        return message

    async def nothing_more(self):
        """Long enough for an apology to arrive: discord.py tries again after a second."""
        assert self._lost.met
        await asyncio.sleep(1.5)

    def _new(self):
        return [each for each in self._person.everything() if each.id not in self._before]

    @property
    def count(self):
        return len(self._new())


@LOST
async def test_a_page_stands_once(playground, mira, paid_house, way):
    watch = Watch(playground, mira, way)
    await mira.type("/video models")
    message = await watch.shown()
    assert message.ephemeral
    assert message.selects, message.text


@LOST
async def test_a_page_is_turned_once(playground, mira, paid_house, way):
    page = await said(mira, "/video models")
    [menu] = page.selects
    watch = Watch(playground, mira, way)
    await mira.choose(page, menu.custom_id, [menu.options[0]["value"]])
    await until(lambda: mira.message(page.id, page.channel_id).text != page.text)
    await watch.nothing_more()
    assert watch.count == 0


@LOST
async def test_what_takes_its_time_follows_once(playground, mira, paid_house, way):
    watch = Watch(playground, mira, way)
    await mira.type("/video usage")
    message = await watch.shown()
    assert "500 credits left" in message.text
    assert [each.filename for each in message.attachments] == ["usage.png", "my-clips.csv"]


@LOST
async def test_what_follows_a_thinking_stands_once(playground, mira, paid_house, way):
    watch = Watch(playground, mira, way, method="PATCH", path=r"/messages/@original$")
    await mira.type("/video usage")
    message = await watch.shown()
    assert "500 credits left" in message.text
    assert len(message.attachments) == 2


@LOST
async def test_a_form_that_opened_is_taken(playground, mira, paid, paid_house, way):
    page = await said(mira, "/help")
    watch = Watch(playground, mira, way)
    opened = await (await mira.click(page, "do:example")).answered
    await watch.nothing_more()
    assert watch.count == 0
    await (await mira.fill(opened)).answered
    assert await until(lambda: paid_house.store.jobs.get(1))


@LOST
async def test_a_refusal_is_said_once(playground, mira, paid_house, way):
    watch = Watch(playground, mira, way)
    await mira.type("/video cancel", clip="#99")
    message = await watch.shown()
    assert message.ephemeral
    assert "#99" in message.text


async def test_an_answer_that_never_arrived_is_given_again(playground, mira, paid_house):
    watch = Watch(playground, mira, UNREACHED)
    await mira.type("/video models")
    assert (await watch.shown()).selects


@pytest.mark.parametrize("way", [EDGE_503, LOST_502], ids=lambda way: way.name)
async def test_a_thinking_does_not_cut_in_on_an_answer_that_is_given_again(
    playground, mira, paid_house, way
):
    """discord.py tries again after a second, which is when a button is told “thinking…”."""
    page = await said(mira, "/help")
    watch = Watch(playground, mira, way)
    await mira.click(page, "do:credits")
    message = await watch.shown()
    assert "500 credits left" in message.text
    assert message.ephemeral
