"""What is one's own: /video usage and /video privacy."""

import csv
import io
import json

from storage import State
from tests.rig.house import until
from tests.rig.paid import fetched, ordered, pressed, said


async def test_usage_is_private_and_says_what_is_left_and_why(ada, mira, paid, paid_house):
    await said(ada, "/quota set", amount="20", who="mira", period="week")
    paid.finished = True
    await ordered(mira)
    await mira.wait_for(lambda each: "Done" in each.text)
    mine = await said(mira, "/video usage")
    assert "**14 credits left** · 0 clips in progress" in mine.text
    assert "Used this week: 6 of 20 credits." in mine.text
    assert "Resets <t:" in mine.text
    assert "Limit: 20 credits a week, for this person." in mine.text
    assert "1 clip made in the last 30 days · 6 credits spent" in mine.text
    chart, table = mine.attachments
    assert chart.filename == "usage.png"
    rows = list(csv.DictReader(io.StringIO((await fetched(table)).decode("utf-8-sig"))))
    assert [(row["clip"], row["spent"], row["prompt"]) for row in rows] == [("1", "6", "a fox")]


async def test_a_prompt_cannot_become_a_formula_in_the_table(mira, paid_house):
    await ordered(mira, prompt="=1+1 a fox")
    mine = await said(mira, "/video usage")
    rows = list(
        csv.DictReader(io.StringIO((await fetched(mine.attachments[1])).decode("utf-8-sig")))
    )
    assert rows[0]["prompt"] == "'=1+1 a fox"


async def test_one_may_have_everything_that_is_kept(mira, ada, paid_house):
    await ordered(mira)
    await ordered(ada, prompt="not hers")
    panel = await said(mira, "/video privacy")
    done = await pressed(mira, panel, "Export mine")
    file = (await until(lambda: done.message and done.message.attachments))[0]
    kept = json.loads(await fetched(file))
    [clip] = kept["clips"]
    assert "a fox" in clip["brief"]
    assert "not hers" not in json.dumps(kept)
    assert kept["credits"][0]["amount"] == 6


async def test_what_moderators_did_and_where_clips_stand_is_in_it(mira, ada, paid, paid_house):
    await said(ada, "/quota block", person="mira", reason="spam")
    await said(ada, "/quota unblock", person="mira")
    await said(ada, "/quota grant", person="mira", credits=5)
    paid.finished = True
    await ordered(mira)
    clip = await mira.wait_for(lambda each: bool(each.attachments))
    await until(lambda: paid_house.store.takes.posts_of(1))

    async def exported(person):
        panel = await said(person, "/video privacy")
        pressing = await pressed(person, panel, "Export mine")
        file = (await until(lambda: pressing.message and pressing.message.attachments))[0]
        return json.loads(await fetched(file))

    hers, his = await exported(mira), await exported(ada)
    assert [each["message_id"] for each in hers["posts of your clips"]] == [clip.id]
    done = [(each["what"], each["why"]) for each in hers["what moderators did about you"]]
    assert done == [("block", "spam"), ("unblock", ""), ("grant", "")]
    assert hers["what you did as a moderator"] == []
    done = [each["what"] for each in his["what you did as a moderator"]]
    assert done == ["block", "unblock", "grant"]
    assert his["posts of your clips"] == his["what moderators did about you"] == []


async def test_deleting_erases_the_clip_and_keeps_the_books(
    playground, mira, ada, paid, paid_house, tmp_path
):
    store, guild = paid_house.store, playground.guild.id
    await said(ada, "/quota set", amount="6", who="mira")
    paid.finished = True
    await ordered(mira)
    await mira.wait_for(lambda each: "Done" in each.text)
    job = await store.jobs.get(1)
    path = tmp_path / "house" / job.file
    assert path.exists()

    panel = await said(mira, "/video privacy")
    sure = await pressed(mira, panel, "Delete mine…")
    await pressed(mira, sure.message, "Delete it all")
    await mira.wait_for("1 clip erased")

    gone = await store.jobs.get(1)
    assert (gone.user_id, gone.brief.prompt, gone.file, gone.card_id) == (0, "", None, None)
    assert gone.price == 6
    assert not path.exists()
    assert (await store.policy.bill(1)).spent == 6
    assert await store.check(thorough=True) == []
    refused = await ordered(mira)
    assert "used your" in refused.message.text, "deleting does not refill a quota"

    playground.clock.advance(32 * 86_400)
    assert await store.privacy.tidy() in {0, 1}
    assert await store.jobs.of(guild_id=guild, user_id=mira.id) == []


async def test_while_a_clip_is_under_way_nothing_is_deleted_and_waiting_ones_are_cancelled(
    mira, paid, paid_house
):
    for _ in range(3):
        await ordered(mira)
    await until(lambda: len(paid.submitted) == 2)
    panel = await said(mira, "/video privacy")
    sure = await pressed(mira, panel, "Delete mine…")
    await pressed(mira, sure.message, "Delete it all")
    await mira.wait_for("still in progress")
    states = {job.id: job.state for job in await paid_house.store.jobs.newest()}
    assert states[3] is State.CANCELLED
    assert (await paid_house.store.jobs.get(1)).brief.prompt == "a fox"
