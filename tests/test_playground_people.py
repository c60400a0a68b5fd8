"""A person can do in the playground what a person can do on Discord."""

from playground import Playground
from tests.toybot import connected


async def test_a_typed_command_is_answered(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        asked = await mira.type("/toy say", text="hello", times=2, look="Noir")
        await asked.answered
        assert asked.message is not None
        assert asked.message.text == "hello ×2 noir False 1.0 None"
        assert not asked.ephemeral


async def test_a_thread_a_file_a_button_and_a_reaction(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        await mira.type("/toy make", prompt="fox")
        done = await mira.wait_for("Done: fox")
        assert done.attachments[0].filename == "clip_one.mp4"
        assert done.attachments[0].description == "A clip"
        await mira.wait_for(lambda m: m.id == done.id and len(m.reactions) == 1)
        pressed = await (await mira.click(done, "Again")).answered
        assert pressed.ephemeral
        assert pressed.message is not None
        assert pressed.message.text == "Again: 7"
