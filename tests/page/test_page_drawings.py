"""Every emoji that the bot shows is drawn by the page itself: a bare machine has no such font."""

import re
from pathlib import Path

import playground

PAGE = Path(playground.__file__).parent / "page"
ROOT = PAGE.parents[1]
#: What is shown as a picture: by itself, or by the mark behind it. Check marks are letters.
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u231a-\u23ff\u2614-\u2712\u2715\u2716\u2718-\u2757\u2b1b-\u2b55]"
    "|.(?=\ufe0f)"
)


def drawn() -> dict[str, str]:
    """Each emoji that the page draws: the name of its drawing."""
    rows = re.findall(
        r'^  \["([^"]+)", "([^"]+)"', (PAGE / "text/emoji.js").read_text(), re.MULTILINE
    )
    return {text.replace("\ufe0f", ""): symbol for text, symbol in rows}


def test_the_page_draws_what_the_bot_shows():
    shown = {
        found: path.name
        for folder in ("bot", "cogs")
        for path in (ROOT / folder).rglob("*.py")
        for found in EMOJI.findall(path.read_text())
    }
    assert len(shown) > 30, "they were not found"
    assert {each: where for each, where in shown.items() if each not in drawn()} == {}


def test_every_emoji_of_the_table_has_its_drawing():
    drawings = re.findall(r'<symbol id="([^"]+)"', (PAGE / "drawings/emoji.svg").read_text())
    assert len(drawings) == len(set(drawings))
    assert set(drawn().values()) - set(drawings) == set()
