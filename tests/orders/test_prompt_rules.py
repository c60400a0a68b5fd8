"""Moderators' patterns cost nobody else anything: measured when saved, off the loop, in time."""

import asyncio
import logging

import pytest

from bot.errors import Refusal
from bot.orders.prompt_rules import DEAR, PromptRules, TooSlow, accepted, cost
from bot.orders.requester import Requester
from bot.orders.server_rules import ServerRules
from storage import By, PromptRule, open_store
from tests.rig.databases import fresh
from tests.rig.proving import one_in

DEAR_PATTERN = ".{0,900}q.{0,90}z"
HOSTILE = "q" * 6000


def rule(text, kind="pattern", id=1):
    return PromptRule(id=id, kind=kind, text=text)


@pytest.mark.parametrize(
    "pattern", one_in(3, [DEAR_PATTERN, "(a.{0,500}){1,2}b", "x.{0,800}y.{0,80}w"])
)
async def test_a_dear_pattern_is_refused_when_it_is_saved(pattern):
    with pytest.raises(Refusal, match=r"[\d,]+ ms on a long prompt, and the limit is 5 ms"):
        await accepted("pattern", pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"\bcats?\b", "(red|blue) fox", "n+u+d+e+", r"[a-z]{2,10}\d+", "a.{0,20}b", "(a+)+$"],
)
async def test_an_ordinary_pattern_is_taken(pattern):
    assert await accepted("pattern", pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [r"(a)\1", "(?=a)b", "(?<!a)b", "(?P<x>a)(?P=x)", "(?>a)b", "a++b", r"[^\W\d]", "(", "[", "*a"],
)
async def test_what_re2_does_not_know_is_no_rule(pattern):
    """Python's own `re`, which knows most of these, can take years: nothing is left to it."""
    with pytest.raises(Refusal, match="This pattern doesn't work: "):
        await accepted("pattern", pattern)


def test_cost_counts_the_processor_and_not_the_clock_on_the_wall():
    busy = iter([0.0, 1.0, 1.0, 1.001] * 100)  # a run that was interrupted, then one that was not
    assert cost("fox", clock=lambda: next(busy)) <= DEAR


async def test_the_loop_goes_on_while_dear_rules_are_asked():
    """A hundred of them, as servers may have from before patterns were measured."""
    # No two alike: what RE2 has once worked out of a pattern it does not work out again.
    rules = [rule(f".{{0,900}}q.{{0,{each}}}z", id=each) for each in range(1, 101)]
    asking = PromptRules(deadline=0.05)
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.005)
            beats += 1

    beating = asyncio.create_task(beat())
    try:
        with pytest.raises(TooSlow):
            await asking.met(1, rules, HOSTILE)
    finally:
        beating.cancel()
    assert beats  # none would come while the loop is held


async def test_a_servers_dear_rules_hold_no_other_server_up():
    asking = PromptRules(deadline=0.5)
    dear = [rule(DEAR_PATTERN.replace("9", str(each % 8 + 1)), id=each) for each in range(50)]
    tasks = [asyncio.create_task(asking.met(1, dear, HOSTILE)) for _ in range(6)]
    await asyncio.sleep(0)
    met = await asking.met(2, [rule("fox", "word")], "a red fox")
    assert met is not None
    assert any(not task.done() for task in tasks), "the other one waits for nobody"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_could_not_be_checked_is_not_ordered_and_the_log_names_the_rule(
    tmp_path, caplog
):
    async with open_store(fresh(tmp_path)) as store:
        by = By(guild_id=10, actor_id=1)
        await store.servers.add_prompt_rule(by, "pattern", DEAR_PATTERN)
        rules = ServerRules(store)
        rules._prompt_rules = PromptRules(deadline=0.0)
        requester = Requester(guild_id=10, channel_id=20, user_id=30)
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(Refusal, match=r"too long to check .* Try again in a minute"),
        ):
            await rules.check(requester, HOSTILE, provider=None, model=None)
    assert (
        f"Prompt rule 1 of server 10 is too slow: an order was not taken. It is: {DEAR_PATTERN}"
        in (caplog.text)
    )


async def test_a_saved_pattern_that_cannot_be_used_any_more_takes_no_order(tmp_path, caplog):
    """Saved by a version whose RE2 knew it: it is neither skipped nor a bug of ours."""
    async with open_store(fresh(tmp_path)) as store:
        by = By(guild_id=10, actor_id=1)
        await store.servers.add_prompt_rule(by, "pattern", r"[^\W\d]ox")
        requester = Requester(guild_id=10, channel_id=20, user_id=30)
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(Refusal, match=r"Ask a moderator to rewrite the pattern of rule 1"),
        ):
            await ServerRules(store).check(requester, "a fox", provider=None, model=None)
    assert "Prompt rule 1 of server 10 cannot be used: an order was not taken" in caplog.text


async def test_the_first_rule_that_is_met_is_named():
    rules = [rule("cat", "word", 1), rule("r[e3]d", id=2), rule("fox", "word", 3)]
    met = await PromptRules().met(1, rules, "a R3D fox")
    assert met is not None
    assert met.id == 2
    assert await PromptRules().met(1, rules, "a blue dog") is None
