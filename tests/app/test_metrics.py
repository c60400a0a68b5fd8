"""What `/metrics` exports: the ledger's and the events' own figures, to whom, and of whom not."""

import asyncio
import re
import time
from collections import deque

import aiohttp
import pytest
from aiohttp import web as http
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from bot.app.metrics import discord_calls, loop_lag
from bot.app.metrics.families import Families
from bot.app.web import Web
from bot.errors import Failure, Refusal
from storage import State
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider

TOKEN = "a-token-of-some-length"


async def scraped(port, **headers):
    """Each sample, by its name and its labels."""
    url = f"http://127.0.0.1:{port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples.get((f"dailies_{name}", *sorted(labels.items())))


async def ends(house, number, state):
    async def ended():
        job = await house.store.jobs.get(number)
        return job is not None and job.state is state

    await until(ended)


async def test_an_order_is_followed_from_its_price_to_its_end(paid_house, paid, mira):
    paid.finished = True
    await ordered(mira)
    await ends(paid_house, 1, State.DONE)
    found = await scraped(paid_house.web.port)
    bill = await paid_house.store.policy.bill(1)
    assert value(found, "orders_total", provider="held") == 1
    assert value(found, "jobs_ended_total", provider="held", state="done") == 1
    assert value(found, "credits_total", provider="held", flow="spent") == bill.spent > 0
    assert value(found, "credits_held") == 0
    assert value(found, "queue_wait_seconds_count", provider="held") == 1
    assert value(found, "job_seconds_count", provider="held") == 1
    calls = {"provider": "held", "operation": "submit"}
    assert value(found, "provider_calls_total", outcome="ok", **calls) == 1
    assert value(found, "provider_call_seconds_count", **calls) == 1
    guild = str(paid_house.bot.guilds[0].id)
    assert value(found, "budget_used_credits", guild=guild) == bill.spent
    assert value(found, "discord_connected") == 1
    assert value(found, "discord_requests_total", method="PUT", group="applications", status="200")
    assert value(found, "database_readable") == 1
    again = await scraped(paid_house.web.port)
    assert value(again, "orders_total", provider="held") == 1, "nothing is counted twice"


async def test_what_is_under_way_is_a_gauge_and_holds_its_price(paid_house, paid, mira):
    await ordered(mira)
    await ends(paid_house, 1, State.RENDERING)
    found = await scraped(paid_house.web.port)
    labels = {"provider": "held", "state": "rendering"}
    assert value(found, "jobs", **labels) == 1
    assert value(found, "job_oldest_seconds", **labels) >= 0
    assert value(found, "credits_held") == 6
    assert value(found, "provider_slots_used", provider="held") == 1
    paid.finished = True
    await ends(paid_house, 1, State.DONE)
    found = await scraped(paid_house.web.port)
    assert value(found, "jobs", **labels) is None, "no gauge stays behind"


async def test_a_refusal_is_counted_by_its_reason(paid_house, paid, mira):
    paid.submits = deque([Refusal("No money there.", failure=Failure.CREDIT)])
    await ordered(mira, provider="held")
    await ends(paid_house, 1, State.FAILED)
    found = await scraped(paid_house.web.port)
    assert value(found, "jobs_failed_total", provider="held", failure="credit") == 1
    calls = {"provider": "held", "operation": "submit", "outcome": "credit"}
    assert value(found, "provider_calls_total", **calls) == 1


async def test_it_says_nothing_of_people_channels_and_prompts(playground, paid_house, paid, mira):
    paid.finished = True
    await ordered(mira, prompt="a lighthouse nobody knows")
    await ends(paid_house, 1, State.DONE)
    found = await scraped(paid_house.web.port)
    labels = {text for _, *pairs in found for _, text in pairs}
    assert {each for each in labels if re.search("[0-9]{15}", each)} == {str(playground.guild.id)}
    assert not [each for each in labels if "lighthouse" in each or playground.token in each]


async def test_a_restart_counts_from_zero_and_not_history_again(playground, tmp_path, mira):
    paid = paid_provider()
    paid.finished = True
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        await ordered(mira)
        await ends(house, 1, State.DONE)
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        found = await scraped(house.web.port)
        assert not value(found, "orders_total", provider="held")
        await ordered(mira)
        await ends(house, 2, State.DONE)
        found = await scraped(house.web.port)
        assert value(found, "orders_total", provider="held") == 1


@pytest.mark.parametrize(
    ("host", "token", "sent", "status"),
    [
        ("127.0.0.1", None, None, 200),
        ("127.0.0.1", TOKEN, None, 401),
        ("127.0.0.1", TOKEN, f"Bearer {TOKEN}", 200),
        ("127.0.0.1", TOKEN, f"Bearer {TOKEN}x", 401),
        ("127.0.0.1", TOKEN, "Bearer \xff", 401),
        ("0.0.0.0", None, None, 403),  # where others could ask
        ("0.0.0.0", TOKEN, f"Bearer {TOKEN}", 200),
        ("0.0.0.0", TOKEN, None, 401),
    ],
)
async def test_who_may_read_it(host, token, sent, status):
    async def metrics(_):
        return b"dailies_orders_total 1\n", "text/plain; version=0.0.4; charset=utf-8"

    async def heard(_token, _body):
        raise AssertionError

    listener = Web([], metrics=metrics, metrics_token=token, called_back=heard)
    await listener.start(host, 0)
    headers = {} if sent is None else {"Authorization": sent}
    url = f"http://127.0.0.1:{listener.port}/metrics"
    try:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == status
            assert ("orders" in text) is (status == 200)
            assert TOKEN not in text
    finally:
        await listener.close()


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("channels/1/messages", "messages"),
        ("channels/1/messages/2/reactions/%F0%9F%94%81/@me", "reactions"),
        ("interactions/1/a-secret-token/callback", "interactions"),
        ("webhooks/1/a-secret-token/messages/@original", "webhooks"),
        ("channels/1/threads", "threads"),
        ("users/@me/channels", "channels"),
        ("something/new/1", "other"),
    ],
)
def test_a_request_is_counted_by_what_it_is_about(path, group):
    assert discord_calls.group_of(path) == group


async def test_waits_for_rate_limits_are_as_long_as_discord_says():
    answers = iter(
        [
            (429, {"Retry-After": "3.5"}),
            (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.25"}),
            (200, {"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.25"}),
            (429, {"Retry-After": "soon"}),
            (429, {"Retry-After": "inf"}),
            (429, {"Retry-After": "1e9"}),
        ]
    )

    async def answer(_):
        status, headers = next(answers)
        return http.Response(status=status, headers=headers)

    app = http.Application()
    app.router.add_get("/api/v10/channels/1/messages", answer)
    runner = http.AppRunner(app, access_log=None)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    families, trace = Families(CollectorRegistry()), aiohttp.TraceConfig()
    discord_calls.watch(trace, families, api_url=base)
    try:
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            for _ in range(6):
                async with session.get(f"{base}/channels/1/messages"):
                    pass
    finally:
        await runner.cleanup()

    def counted(family, *labels):
        return family.labels(*labels)._value.get()

    assert counted(families.waits, "429") == 2, "what cannot be read is no number"
    assert counted(families.waited, "429") == 3.5 + discord_calls.LONGEST
    assert (counted(families.waits, "bucket"), counted(families.waited, "bucket")) == (1, 1.25)
    assert counted(families.rest_status, "GET", "messages", "429") == 4


async def test_a_loop_that_is_held_up_is_late():
    lag = Families(CollectorRegistry()).lag
    task = asyncio.create_task(loop_lag.measure(lag, every=0.01))
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251  # what must not happen, and does
    await until(lambda: lag._sum.get() > 0.2)
    task.cancel()
