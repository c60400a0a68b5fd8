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


# ---------------------------------------------------------------------- one company


def companies_of(stage):
    return list(stage.mishaps.companies)


async def test_every_company_has_a_switch_under_the_name_that_the_bot_shows(stage):
    gpus = ["gpu1", "gpu2"]
    titles = [each.title for each in stage.house.providers.values() if each.name != "comfyui"]
    assert sorted(companies_of(stage)) == sorted([*titles, *gpus])
    with pytest.raises(KeyError):
        stage.mishaps.fail("nobody", Mishap.FAIL)


@pytest.mark.long
@pytest.mark.parametrize(
    ("mishap", "states"),
    [
        (Mishap.FAIL, {State.FAILED}),
        (Mishap.REFUSE, {State.FAILED}),
        (Mishap.UNCLEAR, {State.UNCLEAR}),
        (Mishap.LOSE, {State.FETCHING, State.REVIEW, State.FAILED}),
    ],
)
async def test_companies_go_on_failing_until_they_are_well_again(stage, mishap, states):
    for company in companies_of(stage):
        stage.mishaps.fail(company, mishap)
    for _ in range(2):
        await stage.becomes(await stage.order(), *states)
    stage.mishaps.recover()
    assert set(stage.mishaps.companies.values()) == {None}
    await stage.becomes(await stage.order(), State.DONE)


@pytest.mark.long
async def test_one_company_fails_and_the_others_work(stage):
    job = await stage.becomes(await stage.order(), State.DONE)
    broken = stage.house.providers[job.provider].title
    stage.mishaps.fail(broken, Mishap.STALL)
    stalled = await stage.order()
    assert stalled.provider == job.provider
    await stage.becomes(stalled, State.RENDERING)
    asked = await stage.mira.type(
        "/video text", prompt="a fox", duration=6, provider=other_than(stage, job.provider)
    )
    await asked.answered
    newest = (await stage.house.store.jobs.newest(limit=1))[0]
    assert newest.provider != job.provider
    await stage.becomes(newest, State.DONE)
    assert (await stage.house.store.jobs.get(stalled.id)).state is State.RENDERING


def other_than(stage, name):
    return next(each for each in ("ltx", "apixo", "ltx2api") if each != name)


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
async def test_the_switches_stand_on_the_page_of_whoever_imitates(tmp_path):
    async with (
        playground_process("--providers", "simulated", log=tmp_path / "log") as url,
        open_playground() as plain,
        browser() as chromium,
        tab(chromium, url) as page,
        tab(chromium, url + "#/ada") as other,
        tab(chromium, plain.page_url) as without,
    ):
        await page.get_by_label("The next clip").select_option("refuse")
        await until(lambda: _is(other, "The next clip", "refuse"))
        await run(page, "/video text prompt:a red fox")
        await page.locator(".message", has_text="Failed").first.wait_for()
        await until(lambda: _is(page, "The next clip", ""))
        await until(lambda: _is(other, "The next clip", ""))

        await page.get_by_text("All providers work").press("Enter")
        for name in ("LTX", "ltx-2api.com", "apixo", "Pixazo", "gpu1", "gpu2"):
            kinds = page.get_by_label(name, exact=True).locator("option")
            assert await kinds.evaluate_all("all => all.map(each => each.value)") == ["", *Mishap]
            await page.get_by_label(name, exact=True).select_option("fail")
        await other.get_by_text("6 providers don't work").wait_for()
        await other.reload()
        await other.get_by_text("6 providers don't work").click()
        await until(lambda: _is(other, "gpu1", "fail"))
        await run(page, "/video text prompt:a blue fox")
        failed = page.locator(".message", has_text="a blue fox").filter(has_text="Failed")
        await failed.first.wait_for()
        await other.get_by_label("gpu1", exact=True).select_option("")
        await until(lambda: _is(page, "gpu1", ""))
        await page.get_by_text("5 providers don't work").wait_for()
        await page.get_by_role("button", name="Let all work again").press("Enter")
        await other.get_by_text("All providers work").wait_for()
        await until(lambda: _is(other, "LTX", ""))
        assert page.complaints == []
        await without.locator(".person.me").wait_for()
        assert not await without.locator("#mishap").is_visible()


async def _is(page, label, value):
    return await page.get_by_label(label, exact=True).input_value() == value
