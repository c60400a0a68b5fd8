"""Webhooks: what happens is told once it is written, in order, signed, until it is taken."""

import asyncio
import logging
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app.configuration import Configuration
from bot.app.doctor import doctor
from bot.app.webhooks import (
    AGAIN,
    KEPT,
    LINK_EVERY,
    LINK_WAIT,
    Webhooks,
    headers,
    receiver_of,
    waiting,
)
from bot.settings import BadSetting, Settings
from storage import By, Defaults, Period, State, Whose, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import FakeProvider
from tests.rig.drafts import advance, draft
from tests.rig.house import settings_for, until, working
from tests.rig.processes import ROOT, process
from tests.rig.receiver import receiver
from tests.storage.test_erasing import found

SECRET = "a-secret-of-the-operator"
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
TO_FAILED = (State.SUBMITTING, State.FAILED)
PAGE = (ROOT / "docs" / "webhooks.md").read_text()
#: What the page tells a receiver's author to do.
SNIPPET: dict = {}
exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], SNIPPET)


class Bench:
    """A store, webhooks that send from it, and a clock that a test turns."""

    def __init__(self, store, urls):
        self.store = store
        self.later = 0.0
        self.copied = True  #: whether clips are in the bucket
        self.broken = False  #: whether to ask for a link raises what nobody expects
        self.hooks = Webhooks(
            store.outbox,
            urls,
            SECRET,
            link=self.link,
            clock=self.now,
            on_the_wall=lambda moment: moment,
            pause=0.01,
        )

    def now(self):
        return 2_000.0 + self.later  # shortly after the jobs of `drafts`

    async def link(self, file):
        if self.broken:
            raise RuntimeError("a bug")
        return (f"https://bucket.example/{file}?signed", 2_000_600) if self.copied else None

    async def job(self, number, *states, **changes):
        job, _ = await self.store.jobs.add(draft(number, **changes))
        return await advance(self.store.jobs, job, *states)

    async def send(self, url):
        return await self.hooks.send(receiver_of(url))

    @asynccontextmanager
    async def sending(self):
        task = asyncio.create_task(self.hooks.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def waiting(self):
        return sum(each.waiting for each in (await self.store.outbox.backlogs()).values())


@asynccontextmanager
async def bench(directory, *urls, prompts=True, defaults=None):
    async with open_store(fresh(directory), defaults=defaults) as store:
        await store.outbox.set_receivers({receiver_of(url) for url in urls}, prompts=prompts)
        yield Bench(store, urls)


async def test_a_done_clip_is_told_signed_as_the_page_says(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        job = await it.job(1, *TO_DONE, price=36)
        await it.send(hook.url)
        [(header, body)] = hook.sent
        is_from_dailies = SNIPPET["is_from_dailies"]
        assert is_from_dailies(SECRET, header, body)
        assert not is_from_dailies(SECRET, header, body + b" ")
        assert not is_from_dailies("another-secret-there", header, body)
        assert not is_from_dailies(SECRET, "t=1,v1=é", body)
        stale = headers(SECRET, body, at=time.time() - 301)["Dailies-Signature"]
        assert not is_from_dailies(SECRET, stale, body), "a recorded event is refused"
        [event] = hook.events
        assert event == {
            "id": f"job-{job.id}-{job.rev}",
            "type": "job.done",
            "at": int(job.since),
            "server_id": "10",
            "job": {
                "id": job.id,
                "state": "done",
                "user_id": "30",
                "channel_id": "20",
                "thread_id": None,
                "mode": "text",
                "prompt": "a red fox",
                "provider": "local",
                "model": "sketch",
                "price_credits": 36,
                "charged_credits": 0,
                "provider_cost": None,
                "failure": None,
                "message": None,
                "card_url": None,
                "post_url": "https://discord.com/channels/10/20/99",
                "clip_url": "https://bucket.example/takes/1.mp4?signed",
                "clip_url_expires_at": 2_000_600,
            },
        }
        shown = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1]
        named = set(re.findall(r'"(\w+)":', shown))
        assert named == {*event, *event["job"]}, "the page shows what is sent"
        assert await it.waiting() == 0


async def test_a_done_clips_event_waits_a_little_for_its_copy_in_the_bucket(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        it.copied, it.later = False, 1_010.0 - 2_000.0
        await it.job(1, *TO_DONE)
        await it.job(2, *TO_FAILED)
        await it.job(3, *TO_DONE[:-1], State.REVIEW)
        await it.send(hook.url)
        told = {each["job"]["id"] for each in hook.events}
        assert told == {2, 3}, "what will have no copy yet waits for none"
        it.copied, it.later = True, it.later + LINK_EVERY
        await it.send(hook.url)
        assert hook.events[2]["job"]["clip_url"] == "https://bucket.example/takes/1.mp4?signed"
        it.copied = False
        await it.job(4, *TO_DONE)
        it.later += LINK_WAIT
        await it.send(hook.url)
        assert hook.events[3]["job"]["clip_url"] is None, "it is told without one in the end"


async def test_what_was_committed_outlives_a_kill_before_it_is_sent(tmp_path):
    async with receiver() as hook:
        arguments = (str(fresh(tmp_path)), receiver_of(hook.url))
        log = tmp_path / "log"
        async with process("-m", "tests.rig.killed_before_post", *arguments, log=log) as dying:
            assert await dying.wait() == -9, log.read_text()
        assert hook.sent == []
        async with open_store(tmp_path) as store:
            await Bench(store, [hook.url]).send(hook.url)
    [event] = hook.events
    assert (event["type"], event["job"]["state"]) == ("job.failed", "failed")


async def test_an_event_whose_answer_was_lost_comes_again_under_the_same_name(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        hook.vices = ["lose"]
        await it.job(1, *TO_DONE)
        await it.send(hook.url)
        assert await it.waiting() == 1
        assert await it.send(hook.url) == 0, "it has to wait"
        it.later = AGAIN
        await it.send(hook.url)
        assert len(hook.ids) == 2
        assert len(set(hook.ids)) == 1
        assert await it.waiting() == 0


async def test_events_of_one_clip_are_in_order_and_hold_up_no_other(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        job = await it.job(1, State.SUBMITTING, State.RENDERING, State.EXPIRED)
        await advance(it.store.jobs, job, State.FETCHING, State.DELIVERING, State.DONE)
        hook.vices = [503]
        await it.send(hook.url)
        other = await it.job(2, *TO_FAILED)
        await it.send(hook.url)
        assert [(e["job"]["id"], e["job"]["state"]) for e in hook.events] == [
            (job.id, "expired"),
            (other.id, "failed"),
        ]
        it.later = AGAIN
        while await it.send(hook.url):
            pass
        mine = [e["job"]["state"] for e in hook.events if e["job"]["id"] == job.id]
        assert mine == ["expired", "expired", "done"]


async def test_a_clip_that_waits_for_a_moderator_is_told(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        job = await it.job(1, State.SUBMITTING, State.UNCLEAR)
        other = await it.job(2, *TO_DONE[:-1], State.UNDELIVERED)
        await it.job(3, State.SUBMITTING, State.RENDERING)
        await it.send(hook.url)
        told = {(e["type"], e["job"]["id"], e["job"]["state"]) for e in hook.events}
        assert told == {
            ("job.parked", job.id, "unclear"),
            ("job.parked", other.id, "undelivered"),
        }


@pytest.mark.parametrize("vice", ["redirect", 500, 404])
async def test_only_a_2xx_counts_and_no_redirect_is_followed(tmp_path, vice):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        hook.vices = [vice]
        await it.job(1, *TO_DONE)
        await it.send(hook.url)
        assert (len(hook.sent), hook.elsewhere, await it.waiting()) == (1, 0, 1)


async def test_a_receiver_that_hangs_holds_up_no_other_one(tmp_path):
    async with receiver() as dead, receiver() as well, bench(tmp_path, dead.url, well.url) as it:
        dead.always = "hang"
        async with it.sending():
            for number in range(1, 4):
                await it.job(number, *TO_DONE)
                it.hooks.wake()
                await until(lambda number=number: len(well.ids) == number)
            while await it.waiting() > 3:  # what the dead one did not take
                await asyncio.sleep(0.01)


async def test_few_are_sent_at_once_and_all_arrive(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        for number in range(20):
            await it.job(number, *TO_FAILED)
        hook.vices = [500, 500, 429]
        async with it.sending():
            await until(lambda: len(set(hook.ids)) == 20)
            while await it.waiting():  # those that were not taken
                it.later += AGAIN
                it.hooks.wake()
                await asyncio.sleep(0.01)
        assert 1 < hook.most <= 4
        assert (it.hooks.sent, it.hooks.failed) == (20, 3)


async def test_an_event_that_is_wrong_for_its_receiver_does_not_make_that_one_down(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        await it.job(1, *TO_DONE)
        hook.vices = [400] * 5
        for number in range(5):
            it.later = number * 1000.0
            await it.send(hook.url)
        assert await it.hooks.trouble() is None
        hook.vices = [503] * 3
        for number in range(5, 8):
            it.later = number * 1000.0
            await it.send(hook.url)
        assert await it.hooks.trouble() == f"webhook {hook.host} takes no events"


async def test_a_receiver_is_down_while_nothing_is_sent_to_it(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        hook.always = 503
        await it.job(1, *TO_FAILED)
        for now in (1_010.0, 1_020.0, 1_040.0):
            it.later = now - 2_000.0
            await it.send(hook.url)
        assert await it.hooks.trouble() == f"webhook {hook.host} takes no events"
        it.copied = False
        await it.job(2, *TO_DONE)
        it.later = 1_045.0 - 2_000.0
        assert await it.send(hook.url) == 1, "it waits for its copy"
        assert len(hook.sent) == 3
        assert await it.hooks.trouble() == f"webhook {hook.host} takes no events"


async def test_an_event_that_breaks_is_put_off_and_holds_up_no_other(tmp_path, caplog):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        await it.job(1, *TO_DONE)
        failed = await it.job(2, *TO_FAILED)
        it.broken = True
        for _ in range(2):
            await it.hooks.send(receiver_of(hook.url), limit=1)
        assert [each["job"]["id"] for each in hook.events] == [failed.id]
        assert "a bug" in caplog.text
        it.broken, it.later = False, AGAIN
        await it.send(hook.url)
        assert len(hook.events) == 2
        assert await it.waiting() == 0


async def test_an_event_that_breaks_for_ever_is_given_up(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        await it.job(1, *TO_DONE)
        it.broken, it.later = True, KEPT + 100_000
        await it.send(hook.url)
        assert (await it.waiting(), it.hooks.given_up) == (0, 1)


async def test_an_event_that_nobody_takes_is_given_up_and_said(tmp_path, caplog):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        hook.always = 500
        job = await it.job(1, *TO_DONE)
        it.later = KEPT - 100_000
        await it.send(hook.url)
        assert await it.waiting() == 1
        it.later = KEPT + 100_000
        await it.send(hook.url)
        assert await it.waiting() == 0
        assert it.hooks.given_up == 1
        assert f"never took job-{job.id}-{job.rev}, given up: it answered 500" in caplog.text
        assert "given up since the start: 1" in await it.hooks.trouble()
        [backlog] = (await it.store.outbox.backlogs()).values()
        assert waiting(backlog, it.now()) == "1 given up in the last 30 days"
        assert found(tmp_path, "a red fox"), "the job itself is kept"
        await it.store.privacy.forget(30)
        assert not found(tmp_path, "a red fox"), "also of the event nothing is left"


async def test_delete_mine_takes_a_person_out_of_what_waits(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        await it.job(1, *TO_FAILED, user_id=777_001)
        await it.job(2, *TO_FAILED)
        await it.store.privacy.forget(777_001)
        await it.send(hook.url)
        mine, other = sorted(hook.events, key=lambda each: each["job"]["id"])
        assert mine["job"] == {
            "id": 1,
            "state": "failed",
            "mode": "text",
            "provider": "local",
            "model": "sketch",
            "price_credits": 5,
            "charged_credits": 0,
            "provider_cost": None,
            "failure": "refused",
            "clip_url": None,
            "clip_url_expires_at": None,
        }
        assert other["job"]["prompt"] == "a red fox"


async def test_prompts_are_left_out_where_the_operator_says_so(tmp_path):
    async with receiver() as hook, bench(tmp_path, hook.url) as it:
        await it.job(1, *TO_FAILED)
        await it.store.outbox.set_receivers({receiver_of(hook.url)}, prompts=False)
        await it.job(2, *TO_FAILED)
        await it.send(hook.url)
        assert len(hook.events) == 2
        assert all("prompt" not in each["job"] for each in hook.events)


async def test_what_waits_for_an_address_that_was_removed_is_deleted(tmp_path):
    async with bench(tmp_path, "http://127.0.0.1:1/gone") as it:
        await it.job(1, *TO_DONE)
        assert await it.waiting() == 1
        await it.store.outbox.set_receivers(set(), prompts=True)
        await it.job(2, *TO_DONE)
        assert await it.store.outbox.backlogs() == {}


async def test_a_budget_is_told_in_the_orders_own_transaction_once(tmp_path):
    limits = Defaults(amount=None, jobs_per_user=None, jobs_per_server=None, per_minute=None)
    async with receiver() as hook, bench(tmp_path, hook.url, defaults=limits) as it:
        by = By(guild_id=10, actor_id=1)
        await it.store.moderation.set_rule(by, Whose.SERVER, 10, Period.DAY)
        for number, price in enumerate((7, 1, 1, 1)):
            now = it.store.clock.now()
            await it.store.policy.admit(
                draft(number, price=price, created_at=now, since=now, due_at=now), roles=()
            )
        due = await it.store.moderation.alarm(10)
        await it.store.moderation.alarm_told(due)
        it.later = 1e10
        while await it.send(hook.url):
            pass
        await it.store.moderation.alarm_told(due)
        assert await it.waiting() == 0
        told = [(e["type"], e["server_id"], e["budget"]) for e in hook.events]
        began = told[0][2]["period_began"]
        assert told == [
            (
                "budget.reached",
                "10",
                {"percent": percent, "credits": 10, "used_credits": used, "period_began": began},
            )
            for percent, used in ((80, 8), (100, 10))
        ]


async def test_no_log_holds_the_secret_or_the_address(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with receiver() as hook, bench(tmp_path, hook.url, "http://127.0.0.1:1/k-ey") as it:
        hook.vices = [500, "lose", "redirect"]
        await it.job(1, *TO_DONE)
        for number in range(4):
            it.later = number * 1000.0
            await it.send(hook.url)
            await it.send("http://127.0.0.1:1/k-ey")
    assert "did not take" in caplog.text
    for each in (SECRET, "path-secret", "k-ey", "v1="):
        assert each not in caplog.text


async def test_the_bot_tells_of_a_clip_and_where_it_is(playground, tmp_path, mira):
    async with (
        receiver() as hook,
        working(
            playground,
            tmp_path,
            providers={"fake": FakeProvider("fake")},
            webhook_urls=(hook.url,),
            webhook_secret=SECRET,
        ),
    ):
        await (await mira.type("/video text", prompt="a red fox")).answered
        [event] = await until(lambda: hook.events)
        posted = await mira.wait_for(lambda each: bool(each.attachments))
    assert event["type"] == "job.done"
    assert event["job"]["post_url"].endswith(f"/{posted.channel_id}/{posted.id}")
    assert event["job"]["user_id"] == str(mira.id)


async def test_doctor_pings_and_says_what_waits(playground, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with receiver() as hook:
        async with bench(tmp_path / "data", hook.url) as it:
            await it.job(1, *TO_DONE)
        settings = settings_for(
            playground,
            tmp_path / "data",
            webhook_urls=(hook.url, "http://127.0.0.1:1/"),
            webhook_secret=SECRET,
        )
        await doctor(Configuration(settings=settings, environ={}, sections={}))
        [ping] = hook.events
    said = capsys.readouterr().out
    assert ping["type"] == "ping"
    assert f"✓ webhook {hook.host}: takes events; 1 event waits, the oldest for" in said
    assert "✗ webhook 127.0.0.1:1: 127.0.0.1:1 can't be reached → check WEBHOOK_URLS" in said
    assert SECRET not in said
    assert "path-secret" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"webhook_urls": "https://a.example"}, "Set both WEBHOOK_URLS and WEBHOOK_SECRET"),
        ({"webhook_secret": "x" * 20}, "Set both WEBHOOK_URLS and WEBHOOK_SECRET"),
        ({"webhook_urls": "https://a.example", "webhook_secret": "x" * 15}, "at least 16"),
        ({"webhook_urls": "ftp://a.example", "webhook_secret": "x" * 20}, "start with https://"),
        (
            {"webhook_urls": [f"https://{n}.example" for n in range(6)]},
            "WEBHOOK_URLS can't be used: write at most 5 addresses",
        ),
    ],
)
def test_webhooks_that_cannot_be_used_are_named(given, said):
    with pytest.raises(BadSetting, match=re.escape(said)):
        Settings.load(**given)


def test_the_secret_comes_from_a_file_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("WEBHOOK_SECRET_FILE", "secret")
    monkeypatch.setenv("WEBHOOK_URLS", "https://a.example/x?k=1, https://b.example")
    settings = Settings.load()
    assert settings.webhook_secret.get_secret_value() == SECRET
    assert settings.webhook_urls == ("https://a.example/x?k=1", "https://b.example")
    assert SECRET not in repr(settings)
