"""Help with prompts: nothing is sent without a yes, and what comes back is only ever a text."""

import asyncio
import logging
import re
from contextlib import asynccontextmanager

import pytest

from bot.app.configuration import Configuration
from bot.app.doctor import doctor
from bot.errors import Refusal
from bot.orders.consent import Consent
from bot.orders.prompt_endpoint import MOST_BYTES, Endpoint
from bot.orders.prompt_help import ConsentNeeded, PromptHelp, PromptLimits, mark_of, ready
from bot.orders.requester import Requester
from bot.settings import BadSetting, Settings
from bot.words.prompt_check import gaps, proposal
from storage import Brief, By, Mode, open_store
from storage.prompt_help import KEPT, LASTS
from tests.rig.completions import REWRITTEN, completions
from tests.rig.databases import fresh
from tests.rig.doubles import Clock, FakeProvider
from tests.rig.house import settings_for
from tests.rig.studios import studio_of
from tests.storage.test_erasing import found

KEY = "sk-the-operators-own-key-1234567890"
MIRA = Requester(guild_id=10, channel_id=20, user_id=30)
FOX = Brief(prompt="a red fox")


@asynccontextmanager
async def helping(directory, url=None, *, seconds=30.0, per_person=20, per_server=200, time=None):
    """Help for people of a studio; *url* is the operator's endpoint."""
    endpoint = None if url is None else Endpoint(url=url, model="m-1", key=KEY, seconds=seconds)
    time = time or Clock(1_800_000_000.0)
    async with open_store(fresh(directory), wall=time, ticks=time) as store:
        studio = studio_of(store, {"fake": FakeProvider("fake")})
        limits = PromptLimits(per_person=per_person, per_server=per_server)
        desk = PromptHelp(studio, endpoint, limits)
        desk.store = store
        yield desk


async def agree(desk, host, requester=MIRA):
    await desk.agree(requester, mark_of(host))


async def test_nothing_is_sent_before_a_yes_and_nothing_after_it_is_taken_back(tmp_path):
    async with completions() as there, helping(tmp_path, there.url) as desk:
        first = await desk.suggest(FOX, MIRA)
        assert first.draft.proposal == proposal("a red fox")
        with pytest.raises(ConsentNeeded):
            await desk.rewrite(first.draft.id, MIRA)
        await desk.agree(MIRA, mark_of("another.example"))
        with pytest.raises(ConsentNeeded):
            await desk.rewrite(first.draft.id, MIRA)
        assert there.asked == []
        await agree(desk, there.host)
        rewritten = await desk.rewrite(first.draft.id, MIRA)
        assert (rewritten.draft.proposal, rewritten.rewritten_by) == (REWRITTEN, there.host)
        assert rewritten.agreed
        await desk.withdraw(MIRA)
        with pytest.raises(ConsentNeeded):
            await desk.rewrite(first.draft.id, MIRA)
        assert len(there.asked) == 1


async def test_a_yes_is_to_one_receiver(tmp_path):
    async with completions() as first, completions() as second:
        async with helping(tmp_path, first.url) as desk:
            await agree(desk, first.host)
        async with helping(tmp_path, second.url) as desk:
            kept = await desk.suggest(FOX, MIRA)
            assert not kept.agreed
            with pytest.raises(ConsentNeeded):
                await desk.rewrite(kept.draft.id, MIRA)
        assert second.asked == []


async def test_the_prompt_is_all_that_is_sent_of_a_person(tmp_path):
    who = Requester(guild_id=987_654_321, channel_id=876_543_210, user_id=765_432_109)
    async with completions() as there, helping(tmp_path, there.url) as desk:
        await agree(desk, there.host, who)
        kept = await desk.suggest(FOX, who)
        await desk.rewrite(kept.draft.id, who)
        [(headers, body)] = there.asked
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert there.prompts == ["a red fox"]
        assert {"model", "messages", "max_tokens", "stream"} == set(body)
        assert not any(each in there.everything() for each in ("98765", "87654", "76543"))


@pytest.mark.parametrize(
    ("vice", "said"),
    [
        (500, "is out of order or busy (500)"),
        (429, "is out of order or busy (429)"),
        (401, "refuses this bot's key"),
        ("garbage", "gave an answer that can't be read"),
        ("nested", "gave an answer that can't be read"),
        ("huge", "gave an answer that can't be read"),
        ("packed", "gave an answer that can't be read"),
        ("shapeless", "gave an answer that can't be read"),
        ("empty", "gave an empty answer"),
        ("refusal", "declined to rewrite this prompt"),
        ("sorry", "declined to rewrite this prompt"),
        ("redirect", "is out of order or busy (307)"),
        ("hang up", "can't be reached"),
        ("slow", "doesn't answer"),
    ],
)
async def test_whatever_goes_wrong_there_the_local_suggestion_is_left(tmp_path, caplog, vice, said):
    caplog.set_level(logging.DEBUG)
    seconds = 0.2 if vice == "slow" else 30.0
    async with completions() as there, helping(tmp_path, there.url, seconds=seconds) as desk:
        there.vice = vice
        await agree(desk, there.host)
        kept = await desk.suggest(FOX, MIRA)
        found = await desk.rewrite(kept.draft.id, MIRA)
        assert found.note == f"{there.host} {said}. This is Dailies' own suggestion."
        assert found.draft == kept.draft
        assert found.rewritten_by is None
        assert there.elsewhere == 0
    assert KEY not in caplog.text
    assert KEY not in repr(Endpoint(url="http://127.0.0.1:1", model="m", key=KEY))


async def test_an_answer_that_is_not_too_long_is_read_and_cut_to_what_the_model_takes(tmp_path):
    async with completions() as there, helping(tmp_path, there.url) as desk:
        there.text = "A fox runs on. " * 1000
        assert len(there.text) < MOST_BYTES
        await agree(desk, there.host)
        kept = await desk.suggest(FOX, MIRA)
        found = await desk.rewrite(kept.draft.id, MIRA)
        most = found.quote.model.capability(Mode.TEXT).prompt_max
        assert most - 15 < len(found.draft.proposal) <= most
        assert found.draft.proposal.endswith("on.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>Hm.\n\nWell.</think>\n\nA fox runs.", "A fox runs."),
        ("```text\nA fox\nruns.\n```", "A fox runs."),
        ("“A fox runs.”", "A fox runs."),
        ("A fox [camera: slow] runs.", "A fox (camera: slow) runs."),
        ("A \u202efox\u0007 runs.", "A fox runs."),
    ],
)
async def test_what_models_put_around_a_paragraph_is_taken_off(tmp_path, text, said):
    async with completions() as there, helping(tmp_path, there.url) as desk:
        there.text = text
        await agree(desk, there.host)
        kept = await desk.suggest(FOX, MIRA)
        found = await desk.rewrite(kept.draft.id, MIRA)
        assert (found.draft.proposal, gaps(found.draft.proposal)) == (said, [])


async def test_the_days_limits_hold_at_once_and_end_with_the_day(tmp_path):
    jonas = Requester(guild_id=10, channel_id=20, user_id=31)
    elsewhere = Requester(guild_id=11, channel_id=21, user_id=30)
    time = Clock(1_800_000_000.0)
    async with (
        completions() as there,
        helping(tmp_path, there.url, per_person=3, per_server=5, time=time) as desk,
    ):
        for who in (MIRA, jonas):
            await agree(desk, there.host, who)
        mine = await desk.suggest(FOX, MIRA)
        notes = [
            each.note
            for each in await asyncio.gather(
                *(desk.rewrite(mine.draft.id, MIRA) for _ in range(20))
            )
        ]
        assert notes.count("") == 3
        assert notes.count("You have sent all 3 prompts of today.") == 17
        other = await desk.suggest(FOX, elsewhere)
        assert "all 3" in (await desk.rewrite(other.draft.id, elsewhere)).note
        his = await desk.suggest(FOX, jonas)
        notes = [(await desk.rewrite(his.draft.id, jonas)).note for _ in range(3)]
        assert notes == ["", "", "This server has sent all its prompts of today."]
        assert len(there.asked) == 5
        time.now += 86_400
        mine = await desk.suggest(FOX, MIRA)
        assert (await desk.rewrite(mine.draft.id, MIRA)).note == ""


async def test_a_failure_there_counts_as_sent(tmp_path):
    async with completions() as there, helping(tmp_path, there.url, per_person=2) as desk:
        there.vice = 500
        await agree(desk, there.host)
        kept = await desk.suggest(FOX, MIRA)
        notes = [(await desk.rewrite(kept.draft.id, MIRA)).note for _ in range(3)]
        assert len(there.asked) == 2
        assert notes[2] == "You have sent all 2 prompts of today."


async def test_word_rules_hold_for_what_is_asked_and_for_what_comes_back(tmp_path):
    by = By(guild_id=10, actor_id=1)
    async with completions() as there, helping(tmp_path, there.url) as desk:
        await agree(desk, there.host)
        await desk.store.servers.add_prompt_rule(by, "word", "badger")
        with pytest.raises(Refusal, match="breaks one of this server's word rules"):
            await desk.suggest(Brief(prompt="a badger"), MIRA)
        kept = await desk.suggest(FOX, MIRA)
        there.text = "A badger runs."
        found = await desk.rewrite(kept.draft.id, MIRA)
        assert "The rewritten prompt broke one of this server's word rules." in found.note
        assert found.draft == kept.draft
        hits = await desk.store.servers.prompt_hits(10)
        assert len(hits) == 1, "what a model wrote is not held against a person"
        await desk.store.servers.add_prompt_rule(by, "word", "fox")
        with pytest.raises(Refusal, match="breaks one of this server's word rules"):
            await desk.rewrite(kept.draft.id, MIRA)
        assert len(there.asked) == 1, "nor is it sent by then"


async def test_a_suggestion_is_its_persons_alone_and_lasts_a_day(tmp_path):
    time = Clock(1_800_000_000.0)
    async with helping(tmp_path, time=time) as desk:
        kept = await desk.suggest(FOX, MIRA)
        for who in (
            Requester(guild_id=10, channel_id=20, user_id=31),
            Requester(guild_id=11, channel_id=20, user_id=30),
        ):
            with pytest.raises(Refusal, match="no longer kept"):
                await desk.draft(kept.draft.id, who)
        with pytest.raises(Refusal, match="no longer kept"):
            await desk.draft(10**18, MIRA)
        time.now += LASTS + 1
        with pytest.raises(Refusal, match="no longer kept"):
            await desk.draft(kept.draft.id, MIRA)
        assert found(tmp_path, "a red fox")
        await desk.store.privacy.tidy()
        assert not found(tmp_path, "a red fox")
        for _ in range(KEPT + 1):
            last = await desk.suggest(FOX, MIRA)
        assert (await desk.draft(last.draft.id, MIRA)).id == last.draft.id
        with pytest.raises(Refusal, match="no longer kept"):
            await desk.draft(last.draft.id - KEPT, MIRA)


async def test_no_gap_is_ordered(tmp_path):
    async with helping(tmp_path) as desk:
        kept = (await desk.suggest(FOX, MIRA)).draft
        request = {"request": "interaction:1", "requester": MIRA, "consent": Consent.to(100)}
        with pytest.raises(Refusal, match="still has a gap"):
            await desk.order(kept, kept.proposal, **request)
        job, _ = await desk.order(kept, ready(kept), **request)
        assert job.brief.prompt == "a red fox."


async def test_doctor_asks_the_endpoint_with_a_prompt_of_nobodys(tmp_path, capsys, playground):
    async with completions() as there:
        settings = settings_for(
            playground,
            tmp_path / "data",
            prompt_help_url=there.url,
            prompt_help_model="m-1",
            prompt_help_key=KEY,
        )
        configuration = Configuration(settings=settings, environ={}, sections={})
        await doctor(configuration)
        assert f"✓ prompt help: {there.host} with m-1" in capsys.readouterr().out
        there.vice = 401
        await doctor(configuration)
    said = capsys.readouterr().out
    assert f"✗ prompt help: {there.host} refuses this bot's key → check PROMPT_HELP_URL" in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prompt_help_url": "http://a.example"}, "Set both PROMPT_HELP_URL and PROMPT_HELP_MODEL"),
        ({"prompt_help_model": "m"}, "Set both PROMPT_HELP_URL and PROMPT_HELP_MODEL"),
        ({"prompt_help_key": KEY}, "PROMPT_HELP_KEY is set, but PROMPT_HELP_URL is not"),
        ({"prompt_help_url": "a.example", "prompt_help_model": "m"}, "starts with https://"),
        ({"prompt_help_url": "http://a.example", "prompt_help_model": "\n"}, "a model's name"),
        ({"prompt_help_per_person": "0"}, "PROMPT_HELP_PER_PERSON can't be used"),
        ({"prompt_help_seconds": "nan"}, "PROMPT_HELP_SECONDS can't be used"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_named(given, said):
    with pytest.raises(BadSetting, match=re.escape(said)) as refused:
        Settings.load(**given)
    assert KEY not in str(refused.value)


async def test_delete_mine_takes_suggestions_and_the_yes(tmp_path):
    async with completions() as there, helping(tmp_path, there.url, per_person=1) as desk:
        await agree(desk, there.host)
        kept = await desk.suggest(Brief(prompt="the minister in the kitchen"), MIRA)
        await desk.rewrite(kept.draft.id, MIRA)
        exported = await desk.store.privacy.export(30)
        assert exported["who may get your prompts"][0]["receiver"] == there.host
        assert exported["prompts you sent there"][0]["sent"] == 1
        assert "minister" in exported["prompts you wanted help with"][0]["brief"]
        await desk.store.privacy.forget(30)
        assert not found(tmp_path, "the minister in the kitchen")
        assert not (await desk.suggest(FOX, MIRA)).agreed
        await agree(desk, there.host)
        again = await desk.suggest(FOX, MIRA)
        assert "all 1" in (await desk.rewrite(again.draft.id, MIRA)).note, "no limit is refilled"


async def test_without_an_endpoint_nothing_offers_one(tmp_path):
    async with helping(tmp_path) as desk:
        kept = await desk.suggest(FOX, MIRA)
        assert (kept.receiver, kept.agreed) == (None, False)
        assert "No endpoint" in (await desk.rewrite(kept.draft.id, MIRA)).note


async def test_no_proxy_of_the_environment_is_asked(tmp_path, monkeypatch):
    async with completions() as there, completions() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        async with helping(tmp_path, there.url) as desk:
            await agree(desk, there.host)
            kept = await desk.suggest(FOX, MIRA)
            assert (await desk.rewrite(kept.draft.id, MIRA)).note == ""
        assert proxy.asked == []
