"""Imitated companies are what is chosen, and their next clip goes wrong as somebody asked."""

import pytest

from playground import open_playground
from playground.providers.mishaps import Mishap, Mishaps
from playground.providers.simulated import simulated
from storage import State
from tests.rig.browsing import CHROMIUM, browser, playground_process, run, tab
from tests.rig.house import until, working
from tests.rig.imitated import UNLIMITED


class Stage:
    def __init__(self, playground, house, companies, mishaps):
        self.playground, self.house, self.mishaps = playground, house, mishaps
        self.companies = companies
        self.mira = playground.person("mira")

    async def order(self):
        """One clip, as far as it comes before somebody has to wait."""
        before = len(await self.house.store.jobs.newest(limit=100))
        await (await self.mira.type("/video text", prompt="a fox", duration=6)).answered

        async def made():
            jobs = await self.house.store.jobs.newest(limit=1)
            return jobs[0] if len(await self.house.store.jobs.newest(limit=100)) > before else None

        return await until(made)

    async def becomes(self, job, *states):
        async def there():
            now = await self.house.store.jobs.get(job.id)
            if now.state not in states:
                self.playground.clock.advance(10)
            return now if now.state in states else None

        return await until(there)

    @property
    def taken(self):
        return [job for server in self.companies.servers.values() for job in server.jobs.values()]


@pytest.fixture
async def stage(tmp_path, media):
    mishaps = Mishaps()
    async with (
        open_playground(mishaps=mishaps, rate_limits=False) as playground,
        simulated(media.render, mishaps) as companies,
        working(
            playground,
            tmp_path,
            environ=dict(companies.environ),
            loopback=companies.hosts,
            **UNLIMITED,
        ) as house,
    ):
        yield Stage(playground, house, companies, mishaps)


async def test_one_of_the_companies_is_chosen_and_its_price_is_said(stage):
    job = await stage.order()
    assert job.provider in {"ltx", "ltx2api", "apixo", "pixazo"}
    assert job.price > 0
    await until(lambda: stage.taken)


async def test_a_clip_fails_at_the_company(stage):
    stage.mishaps.ask(Mishap.FAIL)
    job = await stage.becomes(await stage.order(), State.FAILED)
    assert job.failure is not None
    assert len(stage.taken) == 1, "it had been taken"
    assert stage.mishaps.next is None
    after = await stage.becomes(await stage.order(), State.DONE)
    assert after.id == job.id + 1, "only the next one"


async def test_a_clip_is_never_finished(stage):
    stage.mishaps.ask(Mishap.STALL)
    job = await stage.becomes(await stage.order(), State.RENDERING)
    await stage.companies.servers["LTX"].rendered()
    [taken] = stage.taken
    assert (taken.stage in {"waiting", "running"}, taken.file) == (True, None)
    assert (await stage.house.store.jobs.get(job.id)).state is State.RENDERING


async def test_a_clip_is_refused(stage):
    stage.mishaps.ask(Mishap.REFUSE)
    job = await stage.becomes(await stage.order(), State.FAILED)
    assert job.billed == "no"
    assert stage.taken == []


async def test_a_clip_is_billed_and_lost(stage):
    stage.mishaps.ask(Mishap.LOSE)
    await stage.becomes(await stage.order(), State.FETCHING, State.REVIEW, State.FAILED)
    await until(lambda: [job for job in stage.taken if job.file is not None])
    [taken] = stage.taken
    assert taken.expired


async def test_a_clip_may_have_been_taken(stage):
    stage.mishaps.ask(Mishap.UNCLEAR)
    await stage.becomes(await stage.order(), State.UNCLEAR)
    assert len(stage.taken) == 1


async def test_the_last_word_counts(stage):
    stage.mishaps.ask(Mishap.UNCLEAR)
    stage.mishaps.ask(None)
    await stage.becomes(await stage.order(), State.DONE)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
async def test_the_switch_stands_on_the_page_of_whoever_imitates(tmp_path):
    async with (
        playground_process("--providers", "simulated", log=tmp_path / "log") as url,
        open_playground() as plain,
        browser() as chromium,
        tab(chromium, url) as page,
        tab(chromium, url + "#/ada") as other,
        tab(chromium, plain.page_url) as without,
    ):
        await page.get_by_label("The next clip").select_option("refuse")
        await until(lambda: _is(other, "refuse"))
        await run(page, "/video text prompt:a red fox")
        await page.locator(".message", has_text="Failed").first.wait_for(timeout=60_000)
        await until(lambda: _is(page, ""))
        await until(lambda: _is(other, ""))
        assert page.complaints == []
        await without.locator(".person.me").wait_for()
        assert not await without.locator("#mishap").is_visible()


async def _is(page, value):
    return await page.get_by_label("The next clip").input_value() == value
