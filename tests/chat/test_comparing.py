"""What takes a while is acknowledged before it is begun, and the same is done once."""

import ast
import asyncio
import importlib
from pathlib import Path

import pytest

from bot.chat import clip_message
from cogs import EXTENSIONS
from cogs._pressing import VERBS, Waits
from tests.rig.house import until
from tests.rig.taking import answered, clip_of, done, first_clip, more

ROOT = Path(__file__).parents[2]
PEOPLE = 8
#: What opens a form, shows what is at hand, or answers by `ChatPresenter.answer` within a second.
AT_ONCE = {
    *("take-retake", "take-extend", "take-compare", "take-variation", "take-hdr"),
    *("take-four", "batch-more"),
    *("less", "all", "models", "forget"),
    *("forbid", "retry", "confirm", "budget", "zone"),
    *("try", "try-edited", "try-elsewhere", "try-takes", "example", "reactions"),
    *("help-edit", "help-use", "help-ask", "help-agree", "help-kept", "new-again"),
}


def test_every_button_says_what_is_answered_before_its_work():
    """A new verb is in this list, or says what stands there meanwhile."""
    for extension in EXTENSIONS:  # each registers its verbs when it is imported
        importlib.import_module(extension)
    assert {name for name, verb in VERBS.items() if verb.waits is Waits.NOT} == AT_ONCE


def test_every_button_that_is_made_is_answered():
    """What stands in a custom id is looked up when it is pressed, perhaps a year later."""
    for extension in EXTENSIONS:
        importlib.import_module(extension)
    made = set()
    for path in [*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py")]:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                at = {"button": 1, "marked": 0}.get(call.func.id, len(call.args))
                made |= {
                    each.value for each in call.args[at : at + 1] if isinstance(each, ast.Constant)
                }
    under_a_clip = {f"take-{verb}" for row in clip_message.BUTTONS for verb, _, _ in row}
    under_a_clip |= {"take-more", "take-help"}
    under_a_clip |= {"batch-show", "batch-more"}
    assert len(made) > 20
    assert made | under_a_clip <= set(VERBS)


async def two_takes(mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    await answered(await mira.click(clip, "Variation"))
    second = await clip_of(mira, 2)
    await done(house, 2)
    return second


@pytest.mark.long
async def test_people_who_compare_the_same_are_shown_the_same(playground, mira, house):
    second = await two_takes(mira, house)
    people = [playground.add_person(f"p{number}") for number in range(PEOPLE)]
    asked = await asyncio.gather(*(more(person, second, "Compare") for person in people))
    await asyncio.gather(*(each.answered for each in asked))
    assert [each.state for each in asked] == ["answered"] * PEOPLE
    shown = await mira.wait_for(lambda each: len(each.attachments) == 3)
    link = f"/{shown.channel_id}/{shown.id}"
    for each in asked:
        if not each.ephemeral:
            continue
        await until(lambda each=each: link in each.message.text)
    assert sum(not each.ephemeral for each in asked) == 1
    assert len([each for each in mira.everything() if len(each.attachments) == 3]) == 1


@pytest.mark.long
async def test_a_comparison_that_fails_is_told_to_everybody_and_may_be_tried_again(
    playground, mira, jonas, house
):
    clip = await first_clip(mira)
    await done(house, 1)
    asked = await asyncio.gather(more(mira, clip, "Compare"), more(jonas, clip, "Compare"))
    await asyncio.gather(*(each.answered for each in asked))
    for person in (mira, jonas):
        await person.wait_for("There is no other take to compare #1 with yet.")
    await answered(await mira.click(clip, "Variation"))
    await clip_of(mira, 2)
    await done(house, 2)
    await more(mira, clip, "Compare")
    await mira.wait_for(lambda each: len(each.attachments) == 3)
