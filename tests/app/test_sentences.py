"""Every sentence that people can meet is plain English, and docs/sentences.md lists them all."""

import re

import pytest

from tools.sentences import PAGE, Sentence, _Reader, document, sentences

#: Words that nobody says to a person, and what they were said instead of.
FORBIDDEN = (
    *("anew", "for good", "to be had", "under way", "the books", "whoever", "all the same"),
    *("likewise", "not any more", "cannot", "left out", "favourite", "cancelled", "colour"),
    *("lies in", "just now", "once more", "one's", "begins with"),
)
#: What a figure of this name is followed by.
UNITS = {
    "seconds": r" (s|seconds|megapixels)\b",
    "duration": r" s\b",
    "minutes": r" minutes",
    "fps": r" fps",
    "percent": r"%",
    "width": r" ×",
}
LONGEST = 200  #: characters of an error


@pytest.fixture(scope="module")
def everything():
    """All sentences: reading them takes too long for who only collects tests."""
    return sentences()


def named(each):
    return f"{each.file}:{each.line} “{each.text}”"


def test_the_list_of_sentences_is_current(everything):
    assert document(everything) == PAGE.read_text(encoding="utf-8"), "run `make documents`"


def test_the_list_holds_what_people_meet(everything):
    said = {each.text for each in everything}
    assert "Make a clip from words." in said, "a command's description"
    assert "prompt: What you see and hear: scenes, movement, light, sounds." in said, "an option's"
    assert "run the bot on Discord" in said, "what --help says"
    assert "Write a prompt." in said, "a refusal"
    assert "Add a reaction" in said, "the page"
    assert len(everything) > 1000


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_sentence_has_a_word_that_people_do_not_say(everything, word):
    pattern = re.compile(rf"\b{re.escape(word)}", re.IGNORECASE)
    filled_in = re.compile(r"\{.*?\}")
    said = [each for each in everything if pattern.search(filled_in.sub("x", each.text))]
    assert [named(each) for each in said] == []


def test_no_sentence_is_set_carelessly(everything):
    tables = {  # columns of a terminal, and comments of a file that is written
        *("bot/app/job_report.py", "bot/providers/_comfyui/importing.py"),
    }
    code = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
    wrong = []
    for each in everything:
        text = code.sub("`x`", each.text)
        quotes = text.count("“") == text.count("”") and text.count('"') % 2 == 0
        spaced = each.file in tables or re.search(r"\S  +\S", text) is None
        if " ;" in text or "; " in text or "(s)" in text or not quotes or not spaced:
            wrong.append(named(each))
    assert wrong == []


def test_every_error_ends_like_a_sentence_and_is_short(everything):
    errors = [each for each in everything if each.kind == "error" and " " in each.text]
    assert len(errors) > 200
    assert [named(each) for each in errors if not re.search(r"[.?!}…]$", each.text)] == []
    assert [named(each) for each in errors if len(each.text) > LONGEST] == []
    assert [
        named(each) for each in errors if not re.match(r"[A-Z0-9{`#<“/\-]|providers\.", each.text)
    ] == []


@pytest.mark.parametrize("name", UNITS)
def test_no_figure_stands_without_its_unit(everything, name):
    figure = re.compile(rf"\{{(?:number |float )?{name}\}}(?!{UNITS[name]})")
    said = [each for each in everything if not each.file.startswith("bot/app/catalogue")]
    assert [named(each) for each in said if figure.search(each.text)] == []


def test_a_description_of_discord_has_room_and_no_chain(everything):
    for each in everything:
        if each.kind == "command":
            shown = each.text.partition(": ")[2] or each.text
            assert len(shown) <= 100, named(each)
            assert each.text[-1] in ".”" or re.search(r"#\d+$|\w$", each.text), named(each)


def test_what_nobody_sees_is_left_out(everything):
    source = '''
import logging
def f(number):
    """A docstring of ours."""
    log.info("A line of the log: %s", number)
    raise ValueError("A bug of ours.")
    raise Refusal("A sentence " f"for {number} people.", raw="What a machine said.")
'''
    found = [(each.kind, each.text) for each in _Reader("x.py").read(source)]
    assert found == [("error", "A sentence for {number} people.")]
    assert isinstance(everything[0], Sentence)
