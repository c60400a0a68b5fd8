"""A page of clips costs no more where most of what fits may not be seen, and says so."""

from functools import partial
from types import SimpleNamespace

import pytest

from bot.errors import Refusal
from bot.orders.access import Access
from bot.orders.finding import LOOKED, PAGE, Finding
from bot.orders.requester import Requester
from storage import NEWEST, Post, Wanted, open_store
from storage.finding import COST, SPAN
from storage.jobs import columns_of
from tests.rig.databases import fresh
from tests.rig.drafts import draft

OPEN, CLOSED = 20, 21


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as opened:
        yield opened


def asking(**more):
    return Requester(
        guild_id=10,
        **{"channel_id": OPEN, "user_id": 30, "sees": lambda channel: channel == OPEN, **more},
    )


async def filled(store, count, **changes):
    """So many clips at once."""
    row = columns_of(draft(0, **changes))
    names = [each for each in row if each != "id" or "id" in changes]
    sql = f"INSERT INTO job ({', '.join(names)}) VALUES ({', '.join(f':{each}' for each in names)})"

    def write(db):
        [last] = db.execute("SELECT coalesce(max(id), 0) FROM job").fetchone()
        rows = [{**row, "request": f"bulk:{last + number}"} for number in range(count)]
        db.executemany(sql, rows)

    await store.writer.write(write)


def found(listing):
    return [take.job.id for take in listing.takes]


async def test_a_page_gives_up_in_time_and_goes_on_where_it_stopped(store):
    finding = Finding(store, Access(store))
    await filled(store, 3, user_id=31, channel_id=OPEN)
    hidden = LOOKED + 500
    await filled(store, hidden, user_id=31, channel_id=CLOSED)
    first = await finding.with_words("fox", requester=asking())
    assert (found(first), first.newer, first.whole) == ([], None, False)
    assert first.older == hidden + 3 - LOOKED + 1, "so many were looked at, and no more"
    second = await finding.with_words("fox", requester=asking(), edge=first.older)
    assert (found(second), second.older, second.whole) == ([3, 2, 1], None, True)
    # The newer ones are looked for with the same patience, and then the first page is shown.
    back = await finding.with_words("fox", requester=asking(), edge=3, newer=True)
    assert (found(back), back.newer is not None, back.older) == ([], True, 4)
    again = await finding.with_words("fox", requester=asking(), edge=back.newer, newer=True)
    assert (found(again), again.newer, again.older) == ([], None, first.older)
    everything = await finding.with_words("fox", requester=asking(moderator=True))
    assert found(everything) == [*range(hidden + 3, hidden + 3 - PAGE, -1)]


async def test_words_that_never_stand_together_cost_a_page_no_more_at_any_size(store):
    await filled(store, 1, id=1, user_id=31, channel_id=OPEN)
    await filled(store, 1, id=100 * SPAN, user_id=31, channel_id=OPEN)
    search = partial(store.takes.with_words, guild_id=10, edge=NEWEST, newer=False, limit=9)
    assert (await search("dragon", cost=COST)).edge == 100 * SPAN, "the newest begins a block"
    await filled(store, 1, id=100 * SPAN + 1, user_id=31, channel_id=OPEN)
    whole = await search("dragon")
    assert (whole.hits, whole.edge) == ([], None)
    assert 0 < whole.cost < 100, "what it took is measured"
    # Where as much was spent before, it looks at one block, and says where to look on.
    spent = await search("dragon", cost=COST)
    assert (spent.hits, spent.edge) == ([], 100 * SPAN)
    assert spent.cost > COST
    up = await search("dragon", edge=1, newer=True, cost=COST)
    assert up.edge == SPAN - 1

    # A page stops with the first look that spent it, and may be looked on from there.
    finding = Finding(SimpleNamespace(takes=Dear(store.takes)), Access(store))
    first = await finding.with_words("dragon", requester=asking())
    assert (found(first), first.whole, first.older) == ([], False, 100 * SPAN)
    # What is rare is found wherever it is.
    rare = await Finding(store, Access(store)).with_words("fox", requester=asking())
    assert found(rare) == [100 * SPAN + 1, 100 * SPAN, 1]


class Dear:
    """Looks for words in *takes*, each time as if that cost as much as it may."""

    def __init__(self, takes):
        self._takes = takes

    async def with_words(self, words, *, cost, **more):
        return await self._takes.with_words(words, cost=cost + COST, **more)

    async def several(self, ids, **more):
        return await self._takes.several(ids, **more)


async def test_hidden_clips_between_leave_no_gap(store):
    finding = Finding(store, Access(store))
    for number in range(30):
        await filled(store, 1, user_id=31, channel_id=OPEN if number % 2 else CLOSED)
    every = [*range(30, 0, -2)]
    page = await finding.with_words("fox", requester=asking())
    assert (found(page), page.newer) == (every[:PAGE], None)
    page = await finding.with_words("fox", requester=asking(), edge=page.older)
    assert (found(page), page.older) == (every[PAGE:], None)
    page = await finding.with_words("fox", requester=asking(), edge=page.newer, newer=True)
    assert (found(page), page.newer) == (every[:PAGE], None)


async def test_a_full_last_page_has_none_behind_it(store):
    finding = Finding(store, Access(store))
    await filled(store, PAGE)
    page = await finding.mine(Wanted(), requester=asking())
    assert (len(page.takes), page.newer, page.older, page.whole) == (PAGE, None, None, True)
    await filled(store, 1)
    page = await finding.mine(Wanted(), requester=asking())
    assert (found(page)[-1], page.older) == (2, 2)
    page = await finding.mine(Wanted(), requester=asking(), edge=2)
    assert (found(page), page.newer, page.older) == ([1], 1, None)


async def test_a_page_that_went_away_leads_back(store):
    finding = Finding(store, Access(store))
    await filled(store, 5)
    page = await finding.mine(Wanted(), requester=asking(), edge=1)
    assert (found(page), page.newer, page.older) == ([], 0, None)
    page = await finding.mine(Wanted(), requester=asking(), edge=page.newer, newer=True)
    assert found(page) == [5, 4, 3, 2, 1]


async def test_seeing_many_is_seeing_each(store):
    access = Access(store)
    for user, channel in ((30, CLOSED), (31, OPEN), (31, CLOSED), (31, 99)):
        await filled(store, 1, user_id=user, channel_id=channel)
    jobs = await store.jobs.newest()
    for requester in (asking(), asking(moderator=True), asking(channel_id=99, user_id=7)):
        each = {job.id for job in jobs if await access.may_see(job, requester)}
        assert await access.seen(jobs, requester) == each
    assert await access.seen(jobs, asking()) == {1, 2}
    # Posted in a channel that one may read, and deleted there.
    await store.takes.posted(Post(message_id=70, channel_id=OPEN, job_id=3, at=1.0))
    assert await access.seen(jobs, asking()) == {1, 2, 3}
    await store.takes.gone([70])
    assert await access.seen(jobs, asking()) == {1, 2}
    assert await access.seen(jobs, asking(channel_id=99, user_id=7)) == {2, 4}


async def test_words_without_a_word_are_refused(store):
    finding = Finding(store, Access(store))
    for words in ("", "*", "🦊", '"'):
        with pytest.raises(Refusal, match="Type a word"):
            await finding.with_words(words, requester=asking())
    with pytest.raises(Refusal, match="No clip that you can see"):
        await finding.with_words("fox", requester=asking(), edge=NEWEST)
