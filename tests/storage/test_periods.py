"""The calendar of a server, over every time zone and its changes; and the clock of the limits."""

import sqlite3
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage import Period
from storage.clock import LEAP, Clock, advance, mark
from storage.opening import _open, migrations
from storage.periods import day_at, span, starts, zone_named

pytestmark = pytest.mark.sqlite

ZONES = sorted(available_timezones() - {"localtime"})
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.floats(0, 4e9)  # 1970 to 2096
days = st.dates(date(1970, 1, 2), date(2096, 1, 1))
periods = st.sampled_from(Period)


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@given(moment=moments, zone=zones)
@example(moment=at("2006-10-29T00:00:30", "America/St_Johns"), zone=ZoneInfo("America/St_Johns"))
@example(moment=at("2006-10-28T23:30:00", "America/St_Johns"), zone=ZoneInfo("America/St_Johns"))
@example(moment=at("2011-12-31T00:00:00", "Pacific/Apia"), zone=ZoneInfo("Pacific/Apia"))
def test_every_moment_is_within_its_day(moment: float, zone: ZoneInfo) -> None:
    day = day_at(moment, zone)
    assert starts(day, zone) <= moment < starts(day + timedelta(1), zone)
    # It is what the calendar says, except where that says one day twice.
    assert abs((day - datetime.fromtimestamp(moment, zone).date()).days) <= 1


@given(one=moments, other=moments, zone=zones)
def test_a_later_moment_is_never_on_an_earlier_day(
    one: float, other: float, zone: ZoneInfo
) -> None:
    first, second = sorted((one, other))
    assert day_at(first, zone) <= day_at(second, zone)


@given(day=days, zone=zones)
def test_a_day_begins_where_the_one_before_it_ends(day: date, zone: ZoneInfo) -> None:
    begin, end = starts(day, zone), starts(day + timedelta(1), zone)
    assert 0 <= end - begin <= 49 * 3600  # none at all when crossing the date line; two at most
    if end > begin:
        assert day_at(begin, zone) == day
        assert day_at(begin - 1, zone) < day


@given(day=days, period=periods)
def test_every_day_is_in_exactly_one_period(day: date, period: Period) -> None:
    first, after = span(period, day)
    assert first <= day < after
    assert span(period, first) == span(period, after - timedelta(1)) == (first, after)
    assert span(period, after)[0] == after
    assert {Period.DAY: {1}, Period.WEEK: {7}, Period.MONTH: {28, 29, 30, 31}}[period] >= {
        (after - first).days
    }


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Europe/Paris", date(2026, 3, 29), "2026-03-28T23:00+00:00", 23),
        ("Europe/Paris", date(2026, 10, 25), "2026-10-24T22:00+00:00", 25),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00+00:00", 23),  # midnight is skipped
        ("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15+00:00", 24),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00+00:00", 0),  # never was
    ],
)
def test_days_begin_when_people_say_they_do(zone: str, day: date, begins: str, hours: int) -> None:
    begin = starts(day, ZoneInfo(zone))
    assert begin == datetime.fromisoformat(begins).timestamp()
    assert starts(day + timedelta(1), ZoneInfo(zone)) - begin == hours * 3600


def test_every_zone_that_exists_can_be_named() -> None:
    assert all(zone_named(name).key == name for name in ZONES)


@given(
    steps=st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e6)), max_size=20),
    start=st.floats(0, 4e9),
    before=st.none() | st.floats(0, 4e9),
)
def test_the_clock_goes_forward_at_the_pace_of_the_ticks_and_no_other(
    steps: list[tuple[float, float]], start: float, before: float | None
) -> None:
    wall, ticks = start, 100.0
    clock = Clock(before, wall=lambda: wall, ticks=lambda: ticks)
    begun = clock.now()
    if before is None:
        assert begun == start
    else:
        assert before <= begun <= before + LEAP
        assert begun == start or not before <= start <= before + LEAP
    for jump, passed in steps:
        earlier = clock.now()
        wall += jump
        ticks += passed
        assert clock.now() == pytest.approx(earlier + passed)
        assert clock.on_the_wall(clock.now()) == pytest.approx(wall, abs=1e-3)


def test_the_mark_only_rises(tmp_path: Path) -> None:
    db: sqlite3.Connection = _open(tmp_path / "some.db", migrations(), whole=True)
    assert mark(db) is None
    assert [advance(db, now) for now in (5.0, 3.0, 9.0)] == [5.0, 5.0, 9.0]
    assert mark(db) == 9.0
    db.close()
