"""A prompt goes down through the rooms of the house, from the cog to the row, and never back up.

What is drawn in `docs/architecture.md` is followed here in a running bot: each call into another
folder that carries the prompt, or who reacted to which message.
"""

import inspect
import sys
import threading
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path

import pytest

from bot.chat.board import RETAKE
from cogs.takes.reactions import Given
from tests.rig.house import working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.taking import clip_of, first_clip

ROOT = Path(__file__).parents[2]
PROMPT = "a red fox walks home in the snow"
REPLY = "as a pencil drawing on brown paper"
#: From the top down. `bot` is its ground floor.
FLOORS = [
    *("cogs", "bot/app", "bot/chat", "bot/moderation", "bot/jobs", "bot/orders", "bot/providers"),
    *("bot/files", "bot/media", "bot/catalog", "bot/words", "bot", "storage"),
]
#: What a prompt and a reaction enter on their way to the row of an order.
ROOMS = ["cogs", "bot/orders", "bot/words", "bot/catalog", "storage"]
#: Fields of records by which a prompt is carried on.
CARRIERS = ("prompt", "brief", "job", "draft", "quote", "order")


def floor_of(path):
    """The floor of a file of the product, or None for any other."""
    try:
        parts = Path(path).relative_to(ROOT).parts
    except ValueError:
        return None
    if parts[0] in ("cogs", "storage"):
        return parts[0]
    if parts[0] == "bot":
        return "bot" if len(parts) == 2 else f"bot/{parts[1]}"
    return None


def has(words, value, depth=0):
    """Whether *value* is a text with these words, or a record that carries one."""
    if isinstance(value, str):
        return words in value
    if isinstance(value, list | tuple):
        return any(has(words, each, depth) for each in value)
    if depth < 3 and is_dataclass(value) and not isinstance(value, type):
        return any(has(words, getattr(value, name, None), depth + 1) for name in CARRIERS)
    return False


def has_prompt(value):
    return has(PROMPT, value)


def has_reaction(value):
    return isinstance(value, Given) or has(REPLY, value)


@contextmanager
def followed(carries):
    """The rooms that what *carries* recognizes comes to before its row is written, in order, and
    each call that goes up."""
    entered, up = [], []

    def look(frame, event, _arg):
        if (
            event != "call"
            or "storage" in entered
            or (floor := floor_of(frame.f_code.co_filename)) is None
        ):
            return
        code = frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[: count + bool(code.co_flags & inspect.CO_VARARGS)]
        values = [frame.f_locals.get(name) for name in names if name != "self"]
        if code.co_name.startswith("<") or not any(map(carries, values)):
            return
        if code.co_filename.endswith("bot/log_context.py"):
            return  # is told the prompt so that no line of the log has it, and hands it to nobody
        if code.co_filename.endswith("storage/transactions.py"):
            return  # what looks something up on the way; the row is written by `admit`
        if floor not in entered:
            entered.append(floor)
        caller = frame.f_back
        above = floor_of(caller.f_code.co_filename) if caller is not None else None
        if above is not None and FLOORS.index(floor) < FLOORS.index(above):
            up.append(f"{caller.f_code.co_name} → {Path(code.co_filename).name}: {code.co_name}")

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield entered, up
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture
async def house(playground, tmp_path):
    async with working(
        playground,
        tmp_path,
        providers={"plain": Maker("plain", PLAIN, price=DEAR)},
        dailies_quota=9999,
    ) as house:
        yield house


async def test_a_prompt_goes_down_to_its_row(mira, house):
    with followed(has_prompt) as (rooms, up):
        await (await mira.type("/video text", prompt=PROMPT, duration=1)).answered
        await clip_of(mira, 1)
    assert up == []
    assert rooms == ROOMS


async def test_a_reaction_goes_down_to_its_order(mira, house):
    clip = await first_clip(mira, prompt=PROMPT, duration=1)
    mira.go(clip.channel_id)
    await mira.say(REPLY, reply_to=clip)  # words that no other clip has
    with followed(has_reaction) as (rooms, up):
        await mira.react(clip, RETAKE)
        await clip_of(mira, 2)
    assert up == []
    assert rooms == ROOMS


def test_the_walk_is_drawn_as_it_is():
    drawn = (ROOT / "docs" / "architecture.md").read_text()
    assert " → ".join(f"`{room}`" for room in ROOMS) in drawn
