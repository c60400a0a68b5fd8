"""What the operator decides over every server: one budget for all, and where the bot works."""

import pytest

from tests.rig.house import working
from tests.rig.paid import ordered, paid_provider, said

CLOSED = "This bot doesn't take orders in this server. Its operator chooses the servers."


@pytest.fixture
def elsewhere(playground, mira, ada):
    """A channel of a second server, which everybody is in."""
    people = [mira.id, ada.id]
    guild = playground.world.add_guild("elsewhere", people=people, channels=("clips",))
    return playground.world.find_channel("clips", guild.id)


async def test_one_budget_holds_for_all_servers_together(playground, tmp_path, mira, elsewhere):
    providers = {"held": paid_provider(concurrency=9)}
    async with working(playground, tmp_path, providers=providers, dailies_budget_all=15):
        assert not (await ordered(mira)).ephemeral
        mira.go(elsewhere.id)
        assert not (await ordered(mira)).ephemeral
        usage = await said(mira, "/video usage")
        assert "This bot has 3 credits left across all its servers." in usage.text
        refused = await ordered(mira)
        assert refused.ephemeral
        assert "left for today, across all its servers" in refused.message.text
        assert "this bot only has 3" in refused.message.text
        assert not refused.message.buttons, "no moderator can help"
        mira.go("videos")
        assert (await ordered(mira)).ephemeral
        playground.clock.advance(86_400)
        assert not (await ordered(mira)).ephemeral


async def test_a_server_that_is_not_named_gets_one_sentence_and_nothing_else(
    playground, tmp_path, mira, elsewhere
):
    only, held = frozenset({playground.guild.id}), paid_provider()
    async with working(
        playground, tmp_path, providers={"held": held}, dailies_servers=only
    ) as house:
        mira.go(elsewhere.id)
        for command, options in (
            ("/video text", {"prompt": "a fox"}),
            ("/video usage", {}),
            ("/video models", {}),
        ):
            asked = await mira.type(command, **options)
            await asked.answered
            assert asked.ephemeral
            assert asked.message.text == CLOSED
        assert await house.store.jobs.newest() == []
        mira.go("videos")
        assert not (await ordered(mira)).ephemeral
