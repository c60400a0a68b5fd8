"""What people do with takes in the playground, and how the tests wait for what comes of it."""

import re

import aiohttp

from storage import State
from tests.rig.house import until

RETAKE, EXTEND, FAVOURITE, SEND, REMOVE = "🔁", "⏩", "⭐", "✉️", "❌"


async def clip_of(person, number=1):
    """The message that carries clip *number*, once its reactions are there."""
    return await person.wait_for(
        lambda each: f"#{number}** is ready" in each.text and bool(each.attachments)
    )


def is_clip(message):
    """Whether a message carries a clip, and is no card, no board and no comparison."""
    names = [each.filename for each in message.attachments]
    return any(re.fullmatch(r"dailies-\d+\.(mp4|zip)", name) for name in names)


async def more(person, clip, label):
    """Press one of the buttons behind "More…"."""
    opened = await answered(await person.click(clip, "More…"))
    return await person.click(opened.message, label)


async def first_clip(person, prompt="a red fox", **options):
    await (await person.type("/video text", prompt=prompt, **options)).answered
    return await clip_of(person)


async def done(house, number):
    async def ended():
        job = await house.store.jobs.get(number)
        return job if job is not None and job.state is State.DONE else None

    return await until(ended)


async def thread_of(house, number=1):
    """The thread of job *number*, once its card has started one."""

    async def started():
        job = await house.store.jobs.get(number)
        return job.thread_id if job is not None else None

    return await until(started)


async def boarded(person, clip):
    """The board of a clip's thread: a second take, made by reacting, gives it one."""
    await person.react(clip, RETAKE)
    return await person.wait_for("### Takes")


async def saved(message, path):
    async with aiohttp.ClientSession() as web, web.get(message.attachments[0].url) as answer:
        path.write_bytes(await answer.read())
    return path


async def answered(asked):
    """What was asked for, once there is an answer to it."""
    await asked.answered
    await until(lambda: asked.message is None or not asked.message.loading)
    return asked


def own_reactions(person, clip):
    """The emoji that *person* has put under a clip."""
    return {each.emoji for each in person.message(clip.id).reactions if each.mine}
