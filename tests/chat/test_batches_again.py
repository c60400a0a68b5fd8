"""A batch of which takes failed: one button orders those again, as one order at the price on it."""

import re

import pytest

from bot.errors import Refusal
from bot.orders.requester import Requester
from storage import State
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import PRICED
from tests.rig.proving import one_in
from tests.rig.taking import answered


class Picky(Maker):
    """Clips of a second cost a credit; refuses the takes of these places in its first batch."""

    def __init__(self, *refused, price=PRICED):
        super().__init__("cheap", PLAIN, price=price)
        self.cancels = True
        self.refused = refused

    async def submit(self, order):
        if order.job in self.refused:
            raise Refusal("The provider rejected this prompt.", billed=False)
        return await super().submit(order)


async def batch(person, *, takes=4, **options):
    asked = await answered(
        await person.type("/video text", prompt="a red fox", takes=takes, duration=1, **options)
    )
    [order] = [each.label for each in asked.message.buttons if each.label.startswith("Order ")]
    await answered(await person.click(asked.message, order))


async def ended(house, *numbers):
    async def all_over():
        jobs = [await house.store.jobs.get(number) for number in numbers]
        return jobs if all(job is not None and job.due_at is None for job in jobs) else None

    return await until(all_over)


def offering(person, label, words=""):
    """The newest message in which *words* stand and that has this button."""
    found = [
        each
        for each in person.everything()
        if words in each.text and label in [button.label for button in each.buttons]
    ]
    return found[-1] if found else None


LABEL = "Try again: 2 takes · 2 credits"


@pytest.mark.parametrize(
    "where", one_in(2, ["2 of 4 takes are ready", "4 takes: 2 made, 2 failed"])
)
async def test_only_those_that_failed_are_ordered_again_as_one_order(
    playground, tmp_path, mira, where
):
    async with working(playground, tmp_path, providers={"cheap": Picky(2, 4)}) as house:
        await batch(mira)
        first = await ended(house, 1, 2, 3, 4)
        message = await until(lambda: offering(mira, LABEL, where))
        await answered(await mira.click(message, LABEL))
        await mira.wait_for("**#5**: 2 takes are ready · 2 credits")
        again = await ended(house, 5, 6)
        assert [(job.batch, job.batch_place) for job in again] == [(5, 1), (5, 2)]
        assert [job.state for job in again] == [State.DONE] * 2
        made = {job.brief.seed for job in first if job.state is State.DONE}
        assert len(made | {job.brief.seed for job in again}) == 4, "none is made a second time"
        twice = await answered(await mira.click(message, LABEL))
        assert twice.message.text == "That is already ordered."
        assert len(await house.store.jobs.newest()) == 6
        bills = [await house.store.policy.bill(job.id) for job in [*first, *again]]
        assert [bill.spent for bill in bills] == [1, 0, 1, 0, 1, 1]


@pytest.mark.long
async def test_where_all_failed_all_are_ordered_again_with_their_seeds(
    playground, tmp_path, mira, jonas
):
    maker = Picky(1, 2)
    async with working(playground, tmp_path, providers={"cheap": maker}) as house:
        await batch(mira, takes=2, seed=7)
        message = await until(lambda: offering(mira, LABEL, "none of 2 takes was made"))
        jonas.go(message.channel_id)
        await answered(await jonas.click(message, LABEL))
        jobs = await ended(house, 3, 4)
        assert [(job.user_id, job.brief.seed, job.state) for job in jobs] == [
            (jonas.id, 7, State.DONE),
            (jonas.id, 8, State.DONE),
        ]


@pytest.mark.long
async def test_one_that_failed_is_one_clip_and_a_canceled_one_counts(playground, tmp_path, mira):
    maker = Picky(2)
    async with working(playground, tmp_path, providers={"cheap": maker}) as house:
        await batch(mira, takes=3, seed=7)
        await ended(house, 1, 2, 3)
        label = "Try again: 1 take · 1 credit"
        await answered(await mira.click(await until(lambda: offering(mira, label)), label))
        [job] = await ended(house, 4)
        assert (job.batch, job.brief.seed, job.state) == (None, 8, State.DONE)
        maker.holds = True
        await batch(mira, takes=2)
        card = await mira.wait_for(lambda each: "2 takes: rendering" in each.text)
        assert [each.label for each in card.buttons] == ["✖️ Cancel what is left"]
        await answered(await mira.click(card, "Cancel what is left"))
        await ended(house, 5, 6)
        await until(lambda: [each.label for each in mira.message(card.id).buttons] == [LABEL])


@pytest.mark.long
async def test_a_month_and_a_restart_later_it_asks_where_the_price_went_up(
    playground, tmp_path, mira
):
    async with working(playground, tmp_path, providers={"cheap": Picky(2, 3)}) as house:
        await batch(mira)
        await ended(house, 1, 2, 3, 4)
        message = await until(lambda: offering(mira, LABEL, "4 takes: 2 made, 2 failed"))
    playground.clock.advance(31 * 86_400)
    dear = {"cheap": Maker("cheap", PLAIN, price=DEAR)}
    async with working(playground, tmp_path, providers=dear, dailies_quota=9999) as house:
        asked = await answered(await mira.click(mira.message(message.id), LABEL))
        assert "The price changed from 2 credits" in asked.message.text
        assert len(await house.store.jobs.newest()) == 4
        await answered(await mira.click(asked.message, "Order 2 takes · 200 credits"))
        jobs = await ended(house, 5, 6)
        assert [job.price for job in jobs] == [100, 100]
        assert [job.brief.seed for job in jobs] == [
            (await house.store.jobs.get(number)).brief.seed for number in (2, 3)
        ]


@pytest.mark.long
async def test_where_none_failed_there_is_no_button_and_an_old_one_says_so(
    playground, tmp_path, mira
):
    async with working(playground, tmp_path, providers={"cheap": Picky()}) as house:
        await batch(mira, takes=2)
        await ended(house, 1, 2)
        await mira.wait_for("2 takes: made")
        assert not [
            each
            for message in mira.everything()
            for each in message.buttons
            if re.match("Try again", each.label)
        ]
        requester = Requester(
            guild_id=playground.guild.id,
            channel_id=playground.channel("videos").id,
            user_id=mira.id,
            sees=lambda _: True,
        )
        with pytest.raises(Refusal, match="All takes of #1 were made after all"):
            await house.bot.reorders.takes_again(1, requester, seen=2)
