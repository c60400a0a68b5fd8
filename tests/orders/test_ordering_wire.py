"""What changes while an order's input is fetched, as a person and a moderator see it."""

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import pressed, said
from tests.rig.slow_host import slow_host


@pytest.fixture
async def host(media):
    async with slow_host(media.picture) as running:
        yield running


@pytest.fixture
async def bot(playground, tmp_path, host):
    async with working(
        playground,
        tmp_path,
        providers={"plain": Maker("plain", PLAIN, price=DEAR)},
        loopback=frozenset({host.host}),
        dailies_orders_at_once=30,
        dailies_orders_per_minute=600,
    ) as deployment:
        yield deployment


def inputs(tmp_path):
    folder = tmp_path / "inputs"
    return [*folder.iterdir()] if folder.exists() else []


async def begun(mira, host):
    """An order whose picture is being fetched."""
    host.hold()
    before = host.asked
    await mira.type("/video image", prompt="a fox", link=host.url)
    await until(lambda: host.asked > before)


async def refused(mira, bot, host, tmp_path, sentence):
    host.release()
    no = await mira.wait_for(lambda each: sentence in each.text)
    assert no.ephemeral
    assert await bot.store.jobs.newest() == []
    assert inputs(tmp_path) == []


async def test_a_pause_a_block_and_a_closed_channel_hold_at_once(
    playground, mira, ada, bot, host, tmp_path
):
    await begun(mira, host)
    await said(ada, "/studio pause", reason="lunch")
    await refused(
        mira, bot, host, tmp_path, "A moderator paused orders in this server. Reason: lunch."
    )
    await said(ada, "/studio resume")
    await begun(mira, host)
    await said(ada, "/quota set", amount="0", who="mira")
    await refused(mira, bot, host, tmp_path, "your limit is 0 a day")


async def test_a_role_that_is_taken_meanwhile_counts_no_more(
    playground, mira, ada, bot, host, tmp_path
):
    role = playground.world.create_role(playground.guild.id, "Crew")
    playground.world.add_member_role(playground.guild.id, mira.id, role.id)
    await said(ada, "/quota set", amount="0")
    await said(ada, "/quota set", amount="1000", who=str(role.id))
    await begun(mira, host)
    playground.world.remove_member_role(playground.guild.id, mira.id, role.id)
    await refused(mira, bot, host, tmp_path, "your limit is 0 a day")


async def test_zero_says_what_it_means(mira, ada, bot):
    words = await said(ada, "/quota set", amount="0", who="mira")
    assert "no clips that cost credits. The slow lane is closed too" in words.text


async def test_a_refused_order_can_still_be_made_though_its_picture_went(
    mira, ada, bot, host, tmp_path
):
    await bot.store.moderation.set_server(_by(mira, bot), confirm_above=1)
    await mira.type("/video image", prompt="a fox", link=host.url)
    asked = await mira.wait_for(lambda each: "This server asks before" in each.text)
    await until(lambda: inputs(tmp_path) == [])
    await pressed(mira, asked, "Order it · ")
    await until(lambda: bot.store.jobs.newest())
    [job] = await bot.store.jobs.newest()
    assert (tmp_path / job.brief.image.file).exists()
    assert host.asked == 2


async def test_another_picture_behind_the_same_link_is_not_ordered(
    mira, ada, bot, host, tmp_path, media
):
    await bot.store.moderation.set_server(_by(mira, bot), confirm_above=1)
    await mira.type("/video image", prompt="a fox", link=host.url)
    asked = await mira.wait_for(lambda each: "This server asks before" in each.text)
    host.content += b"\0"
    await pressed(mira, asked, "Order it · ")
    await mira.wait_for(lambda each: "now leads to a different file" in each.text)
    assert await bot.store.jobs.newest() == []
    await until(lambda: inputs(tmp_path) == [])


def _by(person, bot):
    [guild] = bot.bot.guilds
    return By(guild_id=guild.id, actor_id=person.id)
