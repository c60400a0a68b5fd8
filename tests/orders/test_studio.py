"""/studio in the playground: set up, watch, pause, decide, forbid words."""

import asyncio
import threading
import time

import pytest

from bot.errors import Refusal, Unclear
from bot.orders.prompt_rules import meets, plain
from bot.orders.requester import Requester
from storage import By, Lane, PromptRule, State, Thread
from tests.rig.doubles import FakeProvider, model
from tests.rig.drafts import advance, draft
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED, ordered, paid_provider, pressed, said, turned
from tests.rig.taking import clip_of, first_clip


async def chosen(person, panel, menu, values):
    """What the panel shows after something was picked from one of its menus."""
    done = await person.choose(panel, menu, values)
    await done.answered
    return person.message(panel.id, panel.channel_id)


async def test_a_server_is_set_up_in_one_panel(playground, ada, mira, paid, paid_house):
    boards = playground.channel("storyboards").id
    panel = await said(ada, "/studio setup")
    assert "Channels for orders: everywhere" in panel.text
    assert "Moderator channel: **not chosen yet**" in panel.text

    panel = await chosen(ada, panel, "do:set:channels", ["storyboards"])
    assert f"Channels for orders: <#{boards}>" in panel.text
    refused = await ordered(mira)
    assert refused.message.text == f"You can't order clips in this channel. Use <#{boards}>."
    panel = await chosen(ada, panel, "do:set:channels", [])
    assert not (await ordered(mira)).ephemeral

    panel = await turned(ada, panel, "Who")
    panel = await chosen(ada, panel, "do:set:changed-by", "requester")
    assert "the requester and moderators" in panel.text
    role = playground.world.create_role(playground.guild.id, "Leads")
    panel = await turned(ada, panel, "Queue")
    panel = await chosen(ada, panel, "do:set:priority", [str(role.id)])
    assert f"First in the queue: <@&{role.id}>" in panel.text
    await pressed(ada, panel, "Turn slow lane on")
    panel = ada.message(panel.id, panel.channel_id)
    assert "slow lane after the quota: on" in panel.text
    server = await paid_house.store.policy.server(playground.guild.id)
    assert server.slow_lane
    assert server.priority_roles == {role.id}
    audit = await said(ada, "/quota audit")
    assert audit.text.count("**changed settings**") == 5


async def test_the_panel_has_favourites_reviewers_budget_and_time_zone(
    playground, ada, mira, paid_house
):
    best = playground.channel("storyboards").id
    role = playground.world.create_role(playground.guild.id, "Directors")
    panel = await said(ada, "/studio setup")
    assert "Favorites channel: none" in panel.text
    panel = await chosen(ada, panel, "do:set:favourites", ["storyboards"])
    assert f"Favorites channel: <#{best}>" in panel.text
    panel = await turned(ada, panel, "Who")
    assert "Takes approved by: moderators" in panel.text
    panel = await chosen(ada, panel, "do:set:reviewers", [str(role.id)])
    assert f"Takes approved by: <@&{role.id}> and moderators" in panel.text
    panel = await turned(ada, panel, "Money")
    assert "Server budget: 2,000 credits a day" in panel.text
    form = await ada.click(panel, "Budget…")
    await form.answered
    await (await ada.fill(form, amount="12", period="a week")).answered
    panel = ada.message(panel.id, panel.channel_id)
    assert "Server budget: 12 credits a week" in panel.text
    form = await ada.click(panel, "Time zone…")
    await form.answered
    await (await ada.fill(form, zone="Europe/Paris")).answered
    panel = ada.message(panel.id, panel.channel_id)
    assert "time zone Europe/Paris" in panel.text
    form = await ada.click(panel, "Time zone…")
    await form.answered
    await ada.fill(form, zone="Mars/Olympus")
    await ada.wait_for("There is no time zone")
    server = await paid_house.store.policy.server(playground.guild.id)
    assert (server.favourites, server.reviewers, server.zone) == (best, role.id, "Europe/Paris")
    await ordered(mira)
    await ordered(mira)
    assert "this server has used its 12 for this week" in (await ordered(mira)).message.text
    panel = await turned(ada, panel, "Where")
    panel = await chosen(ada, panel, "do:set:favourites", [])
    assert "Favorites channel: none" in panel.text


async def test_providers_and_defaults_are_the_servers_choice(playground, tmp_path):
    dear, cheap = paid_provider(name="dear"), FakeProvider(name="cheap")
    async with working(playground, tmp_path, providers={"dear": dear, "cheap": cheap}) as house:
        ada, mira = playground.person("ada"), playground.person("mira")
        panel = await turned(ada, await said(ada, "/studio setup"), "Who")
        panel = await chosen(ada, panel, "do:set:default", "dear one")
        await ordered(mira)
        assert (await house.store.jobs.get(1)).provider == "dear"

        panel = await chosen(ada, panel, "do:set:here", "cheap one")
        await ordered(mira)
        assert (await house.store.jobs.get(2)).provider == "cheap"

        panel = await chosen(ada, panel, "do:set:providers", ["dear"])
        await ordered(mira)
        assert (await house.store.jobs.get(3)).provider == "dear", "the other one is off"
        refused = await ordered(mira, provider="cheap")
        assert "cheap is turned off in this server" in refused.message.text


async def test_a_pause_takes_no_orders_and_says_why(ada, mira, paid_house):
    await said(ada, "/studio pause", reason="the card expired")
    refused = await ordered(mira)
    assert (
        refused.message.text
        == "A moderator paused orders in this server. Reason: the card expired."
    )
    await said(ada, "/studio resume")
    assert not (await ordered(mira)).ephemeral


async def test_the_queue_is_live_and_moderators_move_and_cancel(ada, mira, paid, paid_house):
    for number in range(1, 6):
        await ordered(mira, prompt=f"clip {number}")
    await mira.wait_for("Queued 3 of 3")
    queue = await said(ada, "/studio queue")
    assert "5 in progress" in queue.text
    await pressed(ada, queue, "do:front:5")
    card = await mira.wait_for(lambda each: "clip 5" in each.text and "Queued 1 of 3" in each.text)
    assert "a moderator moved it to the front" in card.text
    await pressed(ada, queue, "do:drop:3")
    await mira.wait_for(lambda each: "clip 3" in each.text and "Canceled" in each.text)
    await ada.wait_for(lambda each: each.id == queue.id and "4 in progress" in each.text)
    await ordered(mira, prompt="one more")
    await ada.wait_for(lambda each: each.id == queue.id and "5 in progress" in each.text)
    paid.finished = True
    await until(lambda: len(paid.submitted) == 5)
    assert [job for job, _ in paid.submitted][2] == 5
    audit = await said(ada, "/quota audit")
    assert "**canceled**" in audit.text
    assert "**changed the order of the queue**" in audit.text


async def test_people_take_turns_and_the_card_says_so(playground, mira, paid, paid_house):
    jonas = playground.person("jonas")
    for number in range(1, 5):
        await ordered(mira, prompt=f"hers {number}")
    await ordered(jonas, prompt="his")
    card = await jonas.wait_for(lambda each: "his" in each.text and "Queued 1 of 3" in each.text)
    assert "2 people are taking turns" in card.text


@pytest.mark.long
async def test_with_the_slow_lane_a_spent_quota_waits_and_costs_nothing(
    playground, ada, mira, paid, paid_house
):
    store, guild = paid_house.store, playground.guild.id
    jonas = playground.person("jonas")
    await said(ada, "/quota set", amount="6", who="mira")
    panel = await turned(ada, await said(ada, "/studio setup"), "Queue")
    await pressed(ada, panel, "Turn slow lane on")
    await ordered(jonas, prompt="a")
    await ordered(jonas, prompt="b")
    await ordered(mira, prompt="paid by her quota")
    await ordered(mira, prompt="slow")
    card = await mira.wait_for(lambda each: "slow lane: the quota is used up" in each.text)
    assert "slow" in card.text
    assert (await store.jobs.get(4)).lane is Lane.SLOW
    await ordered(jonas, prompt="later and yet before")
    await mira.wait_for(lambda each: each.id == card.id and "Queued 3 of 3" in each.text)
    mine = await said(mira, "/video usage")
    assert "**0 credits left**" in mine.text
    paid.finished = True
    await until(lambda: len(paid.submitted) == 5)
    assert [job for job, _ in paid.submitted][-1] == 4
    await mira.wait_for(lambda each: each.id == card.id and "Done" in each.text)
    stand = await store.policy.standing(guild_id=guild, user_id=mira.id, roles=())
    assert (stand.used, stand.budget_used) == (6, 30), "the server pays, her quota does not"
    assert await store.check(thorough=True) == []


async def test_an_undelivered_clip_is_posted_again_where_a_moderator_is(
    playground, ada, mira, paid, paid_house
):
    await ordered(mira)
    thread = (await until(lambda: mira.threads("videos")))[0]
    for place in (thread, playground.channel("videos").id):
        playground.refuse("POST", rf"/channels/{place}/messages$", 403, 50001, times=50)
    playground.refuse("POST", r"/users/@me/channels$", 403, 50007, times=50)
    paid.finished = True
    await until(lambda: _is(paid_house, 1, State.UNDELIVERED))
    ada.go("storyboards")
    found = await said(ada, "/studio undelivered")
    assert "**#1**" in found.text
    done = await pressed(ada, found, "Post it here")
    assert done.state == "answered"
    clip = await ada.wait_for(lambda each: bool(each.attachments))
    assert clip.channel_id == playground.channel("storyboards").id
    await until(lambda: _is(paid_house, 1, State.DONE))
    assert (await paid_house.store.policy.bill(1)).spent == 6


async def _is(house, number, state):
    return (await house.store.jobs.get(number)).state is state


async def _told(house, number):
    job = await house.store.jobs.get(number)
    return job.state is State.UNCLEAR and job.due_at is None


@pytest.fixture
async def parked(mira, paid, paid_house):
    """Job 1, of which nobody knows what became."""
    paid.submits.append(Unclear("its reply was lost"))
    await ordered(mira)
    await mira.wait_for("is on hold")
    await until(lambda: _told(paid_house, 1))


async def test_an_unclear_clip_cannot_be_looked_up_without_a_number(ada, paid_house, parked):
    found = await said(ada, "/studio unclear")
    assert "its reply was lost" in found.text
    await pressed(ada, found, "Check again")
    told = await ada.wait_for("gave no number for #1")
    assert told.ephemeral


async def test_a_retry_says_that_it_may_be_paid_twice_and_the_ledger_remembers(
    playground, ada, mira, paid, paid_house, parked
):
    store = paid_house.store
    found = await said(ada, "/studio unclear")
    form = await ada.click(found, "Retry (could pay twice)")
    await form.answered
    assert "both are paid" in form.modal.text
    paid.finished = True
    await (await ada.fill(form, why="not in their list")).answered
    await until(lambda: _is(paid_house, 1, State.DONE))
    assert (await store.policy.bill(1)).spent == 6
    again = await said(ada, "/studio unclear")
    assert "is attempt 1 in the provider's list" in again.text
    await pressed(ada, again, "It was not billed")
    await ada.wait_for(lambda each: each.id == again.id and "Nothing needs" in each.text)
    assert (await store.policy.bill(1)).suspense == 0
    assert "not in their list" in (await said(ada, "/quota audit")).text
    assert await store.check(thorough=True) == []


async def test_a_closed_clip_costs_its_person_nothing(ada, mira, paid_house, parked):
    found = await said(ada, "/studio unclear")
    await pressed(ada, found, "Close")
    await mira.wait_for(lambda each: "was closed" in each.text and bool(each.mentions))
    bill = await paid_house.store.policy.bill(1)
    assert (bill.spent, bill.suspense) == (0, 6)
    again = await ada.wait_for(lambda each: each.id == found.id and "not settled" in each.text)
    await pressed(ada, again, "It was billed")
    await until(lambda: _lost(paid_house, 6))


async def _lost(house, amount):
    return (await house.store.policy.bill(1)).lost == amount


async def test_a_forbidden_word_is_private_free_and_logged(ada, mira, paid, paid_house):
    found = await said(ada, "/studio rules")
    form = await ada.click(found, "Add a word")
    await form.answered
    await (await ada.fill(form, text="Fox  Hunt")).answered
    form = await ada.click(found.id, "Add a pattern")
    await form.answered
    await (await ada.fill(form, text=r"\bgun(s|powder)?\b")).answered

    for prompt in (
        "a FOX hunt at dawn",
        "a f\u200box hunt",
        "ｆｏｘ ｈｕｎｔ",
        "Gunpowder and tea",
    ):
        refused = await ordered(mira, prompt=prompt)
        assert refused.ephemeral
        assert "one of this server's word rules" in refused.message.text
        assert "you were not charged" in refused.message.text
    for prompt in ("a fox hunting", "a begun day"):
        assert not (await ordered(mira, prompt=prompt)).ephemeral
    assert len(await paid_house.store.jobs.newest()) == 2

    found = await said(ada, "/studio rules")
    assert found.text.count(f"<@{mira.id}>") == 4
    rules = await paid_house.store.servers.prompt_rules(paid_house.bot.guilds[0].id)
    await (await ada.choose(found, "do:allow", str(rules[0].id))).answered
    assert not (await ordered(mira, prompt="a fox hunt")).ephemeral


@pytest.mark.parametrize(
    ("kind", "typed", "sentence"),
    [
        ("pattern", "(a+)+$" + "(" * 3, "This pattern doesn't work: missing )"),
        ("pattern", "a*", "matches every prompt"),
        ("pattern", "((a{100}){100}){100}", "This pattern doesn't work"),
        ("pattern", "(a)\\1", "This pattern doesn't work: Backreferences"),
        ("word", "   ", "A word must have 1 to 100 characters."),
    ],
)
async def test_what_cannot_be_a_rule_is_said(ada, paid_house, kind, typed, sentence):
    found = await said(ada, "/studio rules")
    form = await ada.click(found, f"Add a {kind}")
    await form.answered
    await ada.fill(form, text=typed)
    told = await ada.wait_for(lambda each: sentence.replace(")", "") in each.text)
    assert told.ephemeral


def test_no_pattern_can_hang_the_bot():
    """What makes a backtracking engine take years takes RE2 a moment."""
    rule = PromptRule(id=1, kind="pattern", text="(a+)+(a+)+(a+)+$")
    begun = time.thread_time()
    assert not meets(rule, plain("a" * 6000 + "!"))
    assert time.thread_time() - begun < 10


@pytest.mark.long
async def test_what_holds_in_a_channel_holds_in_its_threads(playground, tmp_path, ada, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        panel = await said(ada, "/studio setup")
        await chosen(ada, panel, "do:set:channels", ["videos"])
        clip = await first_clip(mira)
        assert clip.channel_id != playground.channel("videos").id
        mira.go(clip.channel_id)
        await pressed(mira, clip, "Variation")
        await clip_of(mira, 2)
        await mira.react(clip, "🔁")
        await clip_of(mira, 3)
        assert not (await ordered(mira)).ephemeral, "a command in the thread"
        ada.go("storyboards")
        refused = await ordered(ada)
        assert "You can't order clips in this channel" in refused.message.text
        assert len(await house.store.jobs.newest()) == 4


async def test_a_channels_model_is_chosen_and_used_in_its_threads_too(playground, tmp_path):
    dear, cheap = paid_provider(name="dear"), FakeProvider(name="cheap")
    async with working(playground, tmp_path, providers={"dear": dear, "cheap": cheap}) as house:
        ada, mira = playground.person("ada"), playground.person("mira")
        await ordered(mira, provider="dear")
        thread = (await until(lambda: mira.threads("videos")))[0]
        ada.go(thread)
        panel = await turned(ada, await said(ada, "/studio setup"), "Who")
        await chosen(ada, panel, "do:set:here", "dear one")
        server = await house.store.policy.server(playground.guild.id)
        assert server.channel_models == {playground.channel("videos").id: ("dear", "one")}
        mira.go(thread)
        await ordered(mira)
        mira.go("videos")
        await ordered(mira)
        assert {(await house.store.jobs.get(each)).provider for each in (2, 3)} == {"dear"}


async def test_models_that_are_chosen_for_two_channels_at_once_both_stand(
    playground, tmp_path, ada
):
    makers = {name: Maker(name, PLAIN) for name in ("one", "two")}
    held = threading.Event()
    async with working(playground, tmp_path, providers=makers) as house:
        pressed, wanted = [], {}
        panels = []
        for channel in ("videos", "storyboards"):
            ada.go(channel)
            panels.append(await turned(ada, await said(ada, "/studio setup"), "Who"))
        begun = threading.Event()

        def hold(_):
            begun.set()
            return held.wait(60)

        writing = asyncio.create_task(house.store.writer.write(hold))
        try:
            await until(begun.is_set)  # else they may be written together with it
            for (name, channel), panel in zip(
                (("one", "videos"), ("two", "storyboards")), panels, strict=True
            ):
                pick = f"{name} {makers[name].models[0].name}"
                pressed.append(await ada.choose(panel, "do:set:here", [pick]))
                wanted[playground.channel(channel).id] = tuple(pick.split())
            await until(lambda: len(house.store.writer._waiting) >= 2)  # both have read
        finally:
            held.set()
        await writing
        for each in pressed:
            await each.answered
        assert (await house.store.policy.server(playground.guild.id)).channel_models == wanted


async def test_a_thread_that_discord_no_longer_tells_of_still_has_its_channel(paid_house):
    """One that was archived is not in what Discord sends at the start."""
    store, rules = paid_house.store, paid_house.studio.rules
    by = By(guild_id=1, actor_id=2)
    await store.moderation.set_server(by, channels={10})
    await store.takes.set_thread(Thread(id=11, guild_id=1, parent_id=10, board_id=None), at=0.0)
    await rules.check(
        Requester(guild_id=1, channel_id=11, user_id=3), "", provider=None, model=None
    )
    with pytest.raises(Refusal, match="order clips in this channel"):
        await rules.check(
            Requester(guild_id=1, channel_id=12, user_id=3), "", provider=None, model=None
        )


async def test_a_queue_says_how_many_there_are_in_all(playground, ada, paid_house):
    guild = playground.guild.id
    for number in range(30):
        await paid_house.store.jobs.add(draft(number, guild_id=guild, due_at=9e12))
    queue = await said(ada, "/studio queue")
    assert queue.text.startswith("### 30 in progress")
    shown = queue.text.count("credits ·")
    assert queue.text.endswith(f"… and {30 - shown} more. They move up.")
    assert (await said(ada, "/video queue")).text.endswith("30 clips in progress in total.")


async def test_a_list_of_decisions_says_what_it_leaves_out(playground, ada, paid_house):
    store, guild = paid_house.store, playground.guild.id
    for number in range(25):
        job, _ = await store.jobs.add(draft(number, guild_id=guild, due_at=9e12))
        await advance(store.jobs, job, State.SUBMITTING, State.UNCLEAR)
    for number in range(25, 50):
        job, _ = await store.jobs.add(
            draft(number, guild_id=guild, state=State.DELIVERING, file="x", due_at=9e12)
        )
        await store.jobs.save(job.to(State.UNDELIVERED, now=1.0, error="x"))
    for command in ("/studio unclear", "/studio undelivered"):
        found = (await said(ada, command)).text
        shown = found.count("**#")
        assert 5 <= shown < 25, command
        assert found.endswith(f"… and {25 - shown} more. They move up."), command


async def test_who_has_too_many_clips_hears_which_ends_first(
    playground, ada, mira, paid, paid_house
):
    await said(ada, "/quota limits", clips_per_person="2")
    await ordered(mira)
    await ordered(mira)
    await until(lambda: _is(paid_house, 1, State.RENDERING))
    refused = (await ordered(mira)).message
    assert "You already have 2 clips in progress" in refused.text
    assert refused.text.endswith("#1 is closest to done.")
    jonas = playground.person("jonas")
    await said(ada, "/quota limits", clips_in_server="2", clips_per_person="default")
    refused = (await ordered(jonas)).message
    assert "This server already has 2 clips in progress" in refused.text
    assert refused.text.endswith("#1 is closest to done.")


async def test_an_estimate_says_when_there_is_room_again(playground, ada, mira, paid, paid_house):
    for number in (1, 2, 3):
        await ordered(mira)
        await until(lambda number=number: _is(paid_house, number, State.RENDERING))
        playground.clock.advance(60)
        paid.finished = True
        await until(lambda number=number: _is(paid_house, number, State.DONE))
        paid.finished = False
    await said(ada, "/quota limits", clips_per_person="1")
    await ordered(mira)
    await until(lambda: _estimated(paid_house, 4))
    refused = (await ordered(mira)).message
    assert "#4 should be ready about <t:" in refused.text
    assert refused.text.endswith(":R>.")


async def _estimated(house, number):
    job = await house.store.jobs.get(number)
    return house.studio.glimpse(job).ready_at is not None


async def test_a_lone_persons_waiting_card_says_why_it_waits(mira, paid, paid_house):
    for number in range(1, 4):
        await ordered(mira, prompt=f"clip {number}")
    card = await mira.wait_for("Queued 1 of 1")
    assert "waiting for the provider to take another clip" in card.text


async def test_models_are_a_short_table_with_details_on_request(playground, tmp_path, mira):
    """However many providers there are."""
    many = {
        f"maker{number}": FakeProvider(
            name=f"maker{number}", models=(model(name=f"m{number}", price=PRICED),)
        )
        for number in range(14)
    }
    async with working(playground, tmp_path, providers=many):
        first = await said(mira, "/video models")
        lines = first.text.splitlines()
        assert len(lines) <= 12
        assert lines[1] == "**m0** · Maker0 · text · from 1 credit per second"
        assert lines[-1] == "-# … and 4 more in the menu."
        await (await mira.choose(first, "do:models", "maker13 m13")).answered
        second = await mira.wait_for(lambda each: each.id == first.id and "### m13" in each.text)
        assert "**Text**: 720p or 1080p · 16:9 or 9:16 · 6, 8 or 10 s · 24 or 25 fps" in second.text
        assert second.text.endswith("Credits per second: 1. Prices as of Jan 1, 2026.")
