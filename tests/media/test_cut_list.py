"""An EDL is right to the frame: CMX 3600, drop-frame where 29.97 says so, in plain letters."""

import re

import pytest

from bot.media.cut_list import Event, begin, drops_frames, edl, timecode

NTSC, DOUBLE = 30000 / 1001, 60000 / 1001
EVENT = re.compile(
    r"^(\d{3})  (\S{1,8}) +(\S+) +C +"
    r"(\d\d:\d\d:\d\d[:;]\d\d) (\d\d:\d\d:\d\d[:;]\d\d) (\S+) (\S+)$"
)


def frame_of(code, base, dropped):
    """The frame of a timecode, counted another way: every number there is, one after the other."""
    hours, minutes, seconds, frames = map(int, re.split("[:;]", code))
    whole = 60 * hours + minutes
    return ((whole * 60 + seconds) * base) + frames - dropped * (whole - whole // 10)


@pytest.mark.parametrize(
    ("fps", "frame", "wanted"),
    [
        (24.0, 0, "00:00:00:00"),
        (24.0, 24 * 3600 + 25, "01:00:01:01"),
        (24000 / 1001, 24 * 60, "00:01:00:00"),  # 23.976 drops nothing
        (25.0, 25 * 61 + 24, "00:01:01:24"),
        (50.0, 49, "00:00:00:49"),
        # The numbers that SMPTE 12M gives.
        (NTSC, 1799, "00:00:59;29"),
        (NTSC, 1800, "00:01:00;02"),
        (NTSC, 17981, "00:09:59;29"),
        (NTSC, 17982, "00:10:00;00"),
        (NTSC, 107892, "01:00:00;00"),
        (DOUBLE, 3599, "00:00:59;59"),
        (DOUBLE, 3600, "00:01:00;04"),
    ],
)
def test_a_timecode_is_right_to_the_frame(fps, frame, wanted):
    assert timecode(frame, fps) == wanted


@pytest.mark.parametrize(("fps", "base", "dropped"), [(NTSC, 30, 2), (DOUBLE, 60, 4)])
def test_no_number_is_given_twice_and_none_of_those_that_are_left_out(fps, base, dropped):
    for frame in [*range(0, 12 * 60 * base, 7), *range(59 * base, 61 * base)]:
        assert frame_of(timecode(frame, fps), base, dropped) == frame


def test_the_record_begins_at_one_hour():
    for fps in (24.0, 24000 / 1001, 25.0, NTSC, 30.0, 48.0, 50.0, DOUBLE, 60.0):
        assert timecode(begin(fps), fps) in ("01:00:00:00", "01:00:00;00")
    assert [drops_frames(fps) for fps in (24000 / 1001, 29.97, NTSC, 30.0, 59.94)] == [
        *(False, True, True, False, True)
    ]


def events(*counts, **more):
    first, found = 0, []
    for number, count in enumerate(counts, start=7):
        values = {"shot": f"sc{number}", "prompt": "a fox", "sound": True, **more}
        file = f"dailies-{number}.mp4"
        found.append(Event(clip=number, file=file, first=first, count=count, **values))
        first += count
    return found


def parsed(data):
    """The events of a list: source, tracks and the four timecodes."""
    lines = data.decode("ascii").split("\r\n")
    found = [EVENT.match(line) for line in lines if re.match(r"\d{3}  ", line)]
    assert all(found)
    return lines, [each.groups() for each in found]


def test_events_follow_each_other_without_a_gap():
    lines, found = parsed(edl("Monday", events(48, 25, 1), 24.0))
    assert lines[:2] == ["TITLE: Monday", "FCM: NON-DROP FRAME"]
    assert [each[:3] for each in found] == [
        *(("001", "D0000007", "AA/V"), ("002", "D0000008", "AA/V"), ("003", "D0000009", "AA/V")),
    ]
    assert found[0][3:] == ("00:00:00:00", "00:00:02:00", "01:00:00:00", "01:00:02:00")
    assert found[1][3:] == ("00:00:00:00", "00:00:01:01", "01:00:02:00", "01:00:03:01")
    assert found[2][3:] == ("00:00:00:00", "00:00:00:01", "01:00:03:01", "01:00:03:02")
    assert "* FROM CLIP NAME: dailies-8.mp4" in lines
    assert "* COMMENT: SHOT sc8" in lines


def test_drop_frame_is_named_where_it_is():
    lines, found = parsed(edl("x", events(1800, 10, sound=False), NTSC))
    assert lines[1] == "FCM: DROP FRAME"
    assert found[0][2] == "V"
    assert found[1][5:] == ("01:01:00;02", "01:01:00;12")


def test_what_others_wrote_cannot_add_a_line_or_a_letter_that_the_format_lacks():
    prompt = "un renard\r\n004  AX V C 00:00:00:00 " + "é狐" * 400
    data = edl("Tëst\nFCM: x", events(5, shot="sc1\n* LOC", prompt=prompt), 24.0)
    lines, found = parsed(data)
    assert len(found) == 1
    assert lines[0] == "TITLE: Test FCM: x"
    assert "* COMMENT: SHOT sc1 * LOC" in lines
    assert max(map(len, lines)) <= 11 + 80 + 5
    assert all(each.startswith(("*", "TITLE", "FCM", "001")) or not each for each in lines)
