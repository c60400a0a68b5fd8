"""What other people wrote: nothing of it hides, or is markup, or breaks when cut."""

import csv
import io
import logging
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.log_redaction import Redaction
from bot.words.csv_table import as_csv
from bot.words.text import (
    BYTES,
    clean,
    elide,
    fits,
    inert,
    number,
    one_line,
    shown,
    typed,
    whole_lines,
)

HIDDEN = [
    *("\u061c", "\u200b", "\u200e", "\u200f", "\u2060", "\u2063", "\ufeff", "\u00ad", "\u180e"),
    *("\u202a", "\u202e", "\u2066", "\u2069", "\ufff9", "\ufffa", "\ufffb", "\u206a", "\u206f"),
    *("\U000e0001", "\U000e0041", "\U000e007f", "\U0001d173", "\u3164", "\uffa0", "\u115f"),
    *("\x00", "\x1b", "\x85", "\ud800"),
]


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda each: f"U+{ord(each):04X}")
def test_nothing_that_nobody_sees_stays_in_a_text(hidden):
    assert clean(f"a red{hidden} fox{hidden}") == "a red fox"
    assert clean(hidden * 3) == ""
    assert hidden not in inert(f"kept {hidden} before")


@pytest.mark.parametrize("breaks", ["\u2028", "\u2029", "\r", "\r\n"])
def test_each_break_of_a_line_is_an_ordinary_one(breaks):
    assert clean(f"one{breaks}two") == "one\ntwo"
    assert one_line(f"one{breaks}two") == "one two"


@pytest.mark.parametrize(
    "seen",
    [
        "👨‍👩‍👧‍👦 und 🏳️‍🌈",  # joiners and selectors of emoji
        "می‌خواهم",  # the joiner that Persian needs
        "क्‍ष",  # and Hindi
        "葛\U000e0100飾",  # a form of a name
        "☺︎ ☺️",
        "1️⃣ café ไม้",
        "\u0600123",  # a sign that Unicode counts as formatting, and that is seen
    ],
)
def test_what_scripts_and_emoji_need_stays(seen):
    assert clean(seen) == unicodedata.normalize("NFC", seen)


def test_a_hidden_text_in_a_row_of_selectors_or_joiners_is_gone():
    assert clean("fox" + "".join(chr(0xE0100 + ord(each)) for each in "kill")) == "fox\U000e016b"
    assert clean("fo\u200d\u200c\u200d\u200cx") == "fo\u200dx"


@given(st.text())
def test_a_cleaned_text_is_clean(text):
    once = clean(text)
    assert clean(once) == once
    assert once == once.strip()


# Cutting.

PIECES = st.sampled_from(
    [
        *("<@1576111688732639236>", "<#15761116>", "<@&15761116>", "<t:1795844716:R>", "<:fox:12>"),
        *(
            "[take 1](https://discord.com/channels/1/2/3)",
            "**[t](https://x.y/z)**",
            "**bold words**",
        ),
        *(
            "https://example.com/a/b?c=d ",
            "`code here`",
            r"\*",
            r"\_",
            "👨‍👩‍👧‍👦",
            "🇫🇷",
            "👍🏽",
            "1️⃣",
        ),
        *("é", "क्‍ष", "a", "word ", " ", "\n", "—"),
    ]
)


@example(
    pieces=["[take 1](https://discord.com/channels/1/2/3)", "**[t](https://x.y/z)**"], limit=47
)
@example(pieces=["`code here`"], limit=9)
@given(st.lists(PIECES, max_size=30), st.integers(1, 120))
def test_nothing_is_cut_in_the_middle(pieces, limit):
    text = "".join(pieces)
    cut = elide(text, limit)
    assert len(cut) <= limit
    if len(text) <= limit:
        assert cut == text
        return
    uncut = not cut.endswith("…")
    assert not uncut or text[0] in "*`", "only without its marks does it fit"
    kept = cut if uncut else cut[:-1]
    if "**" in text or "`" in text:
        assert kept.count("**") % 2 == 0
        assert kept.count("`") % 2 == 0
        kept = kept.replace("**", "").replace("`", "")
        text = text.replace("**", "").replace("`", "")
    assert text == kept if uncut else text.startswith(kept)
    # What is left over begins with a whole piece, and what was kept ends with one.
    for whole in re.findall(r"<[^<>]+>|\[[^\]]*\]\([^)]*\)|\\.|👨‍👩‍👧‍👦|🇫🇷|👍🏽|1️⃣|क्‍ष", text):
        for size in range(1, len(whole)):
            at = len(kept)
            assert text[at - size : at - size + len(whole)] != whole or size > at


def test_of_bold_words_that_are_too_long_the_words_are_kept():
    assert elide(f"**{'word ' * 20}**", 12) == "word word w…"


def test_whole_lines_are_kept_whole():
    assert whole_lines("one\ntwo\nthree", 8) == "one\ntwo"
    assert whole_lines("onetwothree", 8) == "onetwot…"


# Markup.


@pytest.mark.parametrize(
    "text",
    ["**x**", "[a](https://evil.example)", "# big", "-# small", "> x", "||x||", "~~x~~", "1. x"],
)
def test_what_somebody_typed_is_no_markup_in_a_sentence(text):
    assert typed(text) == f"“{inert(text)}”"
    for mark in "*[]()#|~`":
        assert mark not in typed(text).replace(f"\\{mark}", "")


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1+2", "@SUM(A1)", " =1+1", "\n=1+1", "\t=1", "＝1+1", "|calc", "%0A=1"],
)
def test_no_text_is_a_formula_in_a_table(cell):
    [row] = csv.DictReader(io.StringIO(as_csv([{"prompt": cell, "n": 3}]).decode("utf-8-sig")))
    assert row["prompt"].startswith("'")
    assert row["n"] == "3"


@pytest.mark.parametrize(
    ("value", "words"),
    [(1e6, "1,000,000"), (1e16, "10,000,000,000,000,000"), (0.5, "0.5"), (3, "3"), (2.25, "2.25")],
)
def test_numbers_are_written_as_people_write_them(value, words):
    assert number(value) == words


def test_nobody_writes_a_line_of_the_log():
    forged = "fox\n2026-11-28 ERROR everything is lost\x1b[2J\u202e"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "A prompt: %s", (forged,), None)
    assert Redaction().filter(record)
    assert record.getMessage() == (
        r"A prompt: fox\n2026-11-28 ERROR everything is lost\x1b[2J\u202e"
    )
    try:
        raise ValueError(forged)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "It broke", (), info)
    Redaction().filter(record)
    assert all(line.startswith("  ") for line in record.exc_text.split("\n"))
    assert "\x1b" not in record.exc_text


@pytest.mark.parametrize("letter", ["a", "é", "狐", "🦊"])
@pytest.mark.parametrize("limit", [1500, 2000, 4000])
def test_what_a_layout_shows_fits_by_letters_and_by_bytes(letter, limit):
    """Discord counts 4000 characters, and answers 500 to over 10,170 bytes of them."""
    cut = shown(letter * 5000, limit)
    assert fits(cut, limit)
    assert len(cut) <= limit and len(cut.encode()) <= BYTES
    assert len(cut) == limit or len(cut.encode()) > 0.7 * BYTES * min(1, limit / 3900)
    assert shown("short", limit) == "short"


def test_both_texts_of_a_clip_fit_together():
    above, under = shown("狐" * 5000, 2000), shown("狐" * 5000, 1500)
    assert len((above + under).encode()) + 24 <= 10_170
