"""What a prompt says and lacks, and the paragraph with gaps that is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words.prompt_check import (
    FEWEST,
    GAPS,
    MOST,
    Aspect,
    advice,
    check,
    cut,
    gaps,
    proposal,
    without_gaps,
)

WHOLE = (
    "A red fox crosses a snowy field at dawn. It moves slowly and looks back once. "
    "The camera tracks it from the side in a low wide shot. Soft golden light falls on its fur. "
    "Snow crunches under its paws, and a bird sings far away."
)
#: A sentence that speaks of one aspect and no other.
ONLY = {
    Aspect.ACTION: "She opens it.",
    Aspect.MOVEMENT: "It sways.",
    Aspect.APPEARANCE: "Its feathers.",
    Aspect.CAMERA: "A handheld one.",
    Aspect.SETTING: "A kitchen.",
    Aspect.LIGHT: "At dusk.",
    Aspect.SOUND: "Music.",
}


@pytest.mark.parametrize(("aspect", "sentence"), ONLY.items())
def test_each_aspect_is_found_by_its_own_words(aspect, sentence):
    assert check(sentence).there == (aspect,)
    assert aspect not in check(sentence).missing


@pytest.mark.parametrize(
    "sentence",
    [
        "The panda.",
        "Shots.",
        "Roomy.",
        "A stormy lighter.",
        "Canes.",
        "A light-blue thing.",
        "xpan",
    ],
)
def test_a_word_is_not_found_within_another(sentence):
    assert set(check(sentence).there) <= {Aspect.APPEARANCE}


def test_a_quotation_is_something_to_hear():
    assert check('"Go away"').there == (Aspect.SOUND,)
    assert check("“Go away”").there == (Aspect.SOUND,)


def test_a_whole_prompt_is_left_as_it_is():
    checked = check(WHOLE)
    assert (checked.well, checked.missing, checked.sentences) == (True, (), 5)
    assert advice(checked) == []
    assert proposal(WHOLE) == WHOLE


def test_each_thing_that_is_missing_has_a_gap():
    said = proposal("a red fox")
    assert said.startswith("a red fox. [action: ")
    assert [each.partition(":")[0].strip("[") for each in gaps(said)] == [
        *("action", "movement", "camera", "setting", "light", "sound")
    ]
    assert check(said).there == check("a red fox").there, "a gap says nothing yet"


def test_what_is_short_gets_room_for_more_sentences():
    short = "She walks slowly in a dim blue kitchen, camera close, music."
    assert check(short).missing == ()
    assert proposal(short).count("[detail: one more thing to see].") == FEWEST - 1


def test_what_is_long_gets_no_more_sentences_than_work():
    long = "It is. " * 7
    said = proposal(long)
    assert len(gaps(said)) == len(GAPS)
    assert said.endswith(".")
    assert len(said.split("]. ")) <= MOST - 7 + 1
    assert "shorten it" in advice(check("It is. " * 9))[1]


def test_paragraphs_become_one():
    assert "without line breaks" in " ".join(advice(check("A fox.\n\nIt runs.")))
    assert "\n" not in proposal("A fox.\n\nIt runs.")


def test_brackets_of_people_are_no_gaps():
    assert gaps("[camera] [a: b] [Camera: slow]") == ["[Camera: slow]"]


@given(st.text(max_size=300))
def test_nothing_that_was_written_is_lost_and_nothing_grows(text):
    said = proposal(text)
    assert proposal(said) == said
    kept = "".join(without_gaps(said).split()).rstrip(".")
    assert kept == "".join(without_gaps(text).split()).rstrip(".")
    assert check(text) == check(text)


@given(st.text(max_size=200), st.integers(1, 100))
def test_a_cut_text_fits_and_is_its_beginning(text, limit):
    assert len(cut(text, limit)) <= limit
    assert text.lstrip().startswith(cut(text, limit).strip())


def test_a_text_is_cut_behind_a_sentence():
    assert cut("One. Two three. Four", 12) == "One."
    assert cut("Onetwothree", 3) == "One"
