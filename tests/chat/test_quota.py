"""/quota in the playground: what moderators set holds at once, and everybody is told."""

import json

from PIL import Image

from storage import State
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import fetched, ordered, pressed, said
from tests.rig.taking import done


async def test_a_quota_holds_from_the_moment_it_is_set(ada, mira, paid, paid_house):
    done = await said(ada, "/quota set", amount="6", who="mira", reason="trying it")
    assert "6 credits a day" in done.text
    assert not (await ordered(mira)).ephemeral
    refused = await ordered(mira)
    assert refused.ephemeral
    assert "you've used your 6 for today" in refused.message.text
    assert "<t:" in refused.message.text


async def test_the_best_role_wins_and_the_answer_says_which(playground, ada, mira, paid_house):
    editor = playground.world.create_role(playground.guild.id, "Editors")
    playground.world.add_member_role(playground.guild.id, mira.id, editor.id)
    await said(ada, "/quota set", amount="0")
    await said(ada, "/quota set", amount="6", who=str(editor.id))
    await ordered(mira)
    refused = await ordered(mira)
    assert "you've used your 6 for today" in refused.message.text
    shown = await said(ada, "/quota show", person="mira")
    assert f"from the role <@&{editor.id}>" in shown.text


async def test_grants_resets_blocks_and_their_ends_hold_at_once(playground, ada, mira, paid_house):
    await said(ada, "/quota set", amount="6", who="mira")
    await ordered(mira)
    assert (await ordered(mira)).ephemeral

    given = await said(ada, "/quota grant", person="mira", credits=6, days=2)
    assert "has 6 credits more until" in given.text
    assert not (await ordered(mira)).ephemeral

    again = await said(ada, "/quota reset", person="mira", reason="a bad day")
    assert "6 credits no longer count" in again.text
    assert not (await ordered(mira)).ephemeral

    await said(ada, "/quota block", person="mira", reason="spam", days=1)
    refused = await ordered(mira)
    assert "A moderator blocked you from ordering clips until <t:" in refused.message.text
    assert refused.message.text.endswith(":D>. Reason: spam.")
    await said(ada, "/quota unblock", person="mira")
    await said(ada, "/quota set", amount="default", who="mira")
    assert not (await ordered(mira)).ephemeral


async def test_the_audit_has_who_did_what_to_whom_and_why(ada, mira, paid_house):
    for amount in range(14):
        await said(ada, "/quota set", amount=str(amount), who="mira", reason=f"step {amount}")
    page = await said(ada, "/quota audit")
    assert "step 13" in page.text
    assert (
        f"<@{ada.id}> **set a quota** <@{mira.id}>: 12 credits a day → 13 credits a day"
        in page.text
    )
    assert "step 1\n" not in page.text + "\n"
    older = await pressed(ada, page, "Older")
    assert "step 0" in older.message.text


async def test_a_report_is_a_chart_a_table_and_two_files(ada, mira, paid, paid_house, tmp_path):
    paid.finished = True
    await ordered(mira)
    await mira.wait_for(lambda each: "Done" in each.text)
    report = await said(ada, "/quota report", period="this month")
    assert "1 clip made · 6 credits" in report.text
    assert f"1. <@{mira.id}>: 6 credits" in report.text
    chart, table, data = report.attachments
    picture = await fetched(chart)
    (tmp_path / "report.png").write_bytes(picture)
    with Image.open(tmp_path / "report.png") as image:
        assert image.size[0] == 1000
    assert chart.description.startswith("Credits by day")
    rows = (await fetched(table)).decode("utf-8-sig").splitlines()
    assert rows[0] == (
        "day,user_id,provider,model,clips,made,unmade,held,spent,house,lost,suspense"
    )
    assert rows[1].split(",")[1:4] == [str(mira.id), "held", "one"]
    assert rows[1].split(",")[4:] == ["1", "1", "0", "0", "6", "0", "0", "0"]
    [use] = json.loads(await fetched(data))["uses"]
    assert use["spent"] == 6


async def test_free_clips_count_and_those_that_came_to_nothing_are_told_apart(
    playground, ada, mira, paid, tmp_path
):
    free = Maker("free", PLAIN)
    async with working(playground, tmp_path, providers={"held": paid, "free": free}) as house:
        await ordered(mira, provider="held")
        await until(lambda: house.store.jobs.live())
        await until(lambda: rendering(house, 1))
        await (await mira.type("/video cancel", clip="1")).answered
        await mira.wait_for("Canceled")
        for number in (2, 3):
            await ordered(mira, provider="free")
            await done(house, number)
        report = await said(ada, "/quota report")
        assert "**2 clips made, 1 not made · 0 credits (≈ $0.00)**" in report.text
        assert f"1. <@{mira.id}>: 0 credits · 2 clips" in report.text
        assert "held · one: 0 credits · 0 clips" in report.text
        uses = json.loads(await fetched(report.attachments[2]))["uses"]
        found = [(each["provider"], each["made"], each["unmade"]) for each in uses]
        assert sorted(found) == [("free", 2, 0), ("held", 0, 1)]
        mine = await said(mira, "/video usage")
        assert "2 clips made, 1 not made in the last 30 days · 0 credits spent" in mine.text


async def rendering(house, number):
    return (await house.store.jobs.get(number)).state is State.RENDERING


async def test_what_cannot_be_an_amount_or_a_date_is_said(ada, paid_house):
    refused = await said(ada, "/quota set", amount="lots")
    assert "is not an amount" in refused.text
    refused = await said(ada, "/quota report", first="yesterday")
    assert "is not a date" in refused.text
    refused = await said(ada, "/quota limits", time_zone="Mars/Olympus")
    assert "There is no time zone" in refused.text


async def test_limits_are_taken_back_and_taken_away(playground, ada, mira, paid_house):
    guild, policy = playground.guild.id, paid_house.store.policy
    usual = await policy.server(guild)
    set_ = await said(ada, "/quota limits", clips_per_person="1", orders_per_minute="0.5")
    assert "1 clip per person" in set_.text
    assert "0.5 orders a minute" in set_.text
    await ordered(mira)
    assert "the limit is 1" in (await ordered(mira)).message.text
    await said(ada, "/quota limits", clips_per_person="Unlimited", orders_per_minute="unlimited")
    server = await policy.server(guild)
    assert (server.jobs_per_user, server.per_minute) == (None, None)
    assert not (await ordered(mira)).ephemeral
    back = await said(ada, "/quota limits", clips_per_person="default", orders_per_minute="default")
    assert f"{usual.jobs_per_user} clips per person" in back.text
    assert await policy.server(guild) == usual
    page = (await said(ada, "/quota audit")).text
    assert "orders a minute: 0.5 → clips at once per person: unlimited" in page
    for options, sentence in (
        ({"clips_per_person": "lots"}, "Write a whole number from 1 to 1,000"),
        ({"clips_per_person": "0"}, "Write a whole number from 1 to 1,000"),
        ({"clips_in_server": "2.5"}, "Write a whole number from 1 to 10,000"),
        ({"orders_per_minute": "0"}, "Write a number from 0.1 to 600"),
        ({"at_once": "unlimited"}, "must be a number"),
        ({"time_zone": "Nowhere"}, "There is no time zone"),
    ):
        assert sentence in (await said(ada, "/quota limits", **options)).text
    await said(ada, "/quota limits", time_zone="Europe/Paris")
    assert "time zone UTC" in (await said(ada, "/quota limits", time_zone="default")).text


async def test_a_grant_can_be_withdrawn(playground, ada, mira, paid_house):
    await said(ada, "/quota set", amount="0", who="mira")
    await said(ada, "/quota grant", person="mira", credits=10)
    await said(ada, "/quota grant", person="mira", credits=7)
    assert not (await ordered(mira)).ephemeral
    offered = await ada.suggestions("/quota withdraw", "grant", "", person="mira")
    assert [name for name, _ in offered] == ["7 of 7 credits, #2", "4 of 10 credits, #1"]
    gone = await said(ada, "/quota withdraw", person="mira", grant=1, reason="a slip")
    assert gone.text == f"<@{mira.id}> has 4 credits less."
    stand = await paid_house.store.policy.standing(
        guild_id=playground.guild.id, user_id=mira.id, roles=()
    )
    assert stand.granted == 7
    again = await said(ada, "/quota withdraw", person="mira", grant=1)
    assert "has no such grant with credits left" in again.text
    await said(ada, "/quota withdraw", person="mira")
    assert (await ordered(mira)).ephemeral
    assert "**withdrew a grant** <@" in (await said(ada, "/quota audit")).text
    assert await paid_house.store.check(thorough=True) == []


async def test_what_one_clip_may_cost_is_not_blamed_on_the_server(ada, mira, paid_house):
    await said(ada, "/quota budget", amount="40")
    await said(ada, "/quota set", amount="0", who="mira")
    mine = (await said(mira, "/video usage")).text
    assert "**0 credits left**" in mine
    assert "Server budget: 40 credits left." in mine
    await said(ada, "/quota set", amount="100", who="mira")
    mine = (await said(mira, "/video usage")).text
    assert "credits left. No clip can cost more than that now." in mine
