"""How hard a provider is pressed: never above its rate, and gently while it is in trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Busy, Failure
from bot.providers._pressure import BURST, PROBE_EVERY, Pressure, retry_after


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pressed(clock: Clock, per_minute: float = 60.0, jitter: float = 1.0) -> Pressure:
    """*jitter* is where a random number falls between its bounds, 0 to 1."""
    return Pressure(
        title="Acme",
        per_minute=per_minute,
        clock=clock,
        uniform=lambda low, high: low + jitter * (high - low),
    )


def admitted(pressure: Pressure) -> bool:
    try:
        pressure.admit()
    except Busy:
        return False
    return True


@given(
    per_minute=st.floats(1, 600),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_window_has_more_requests_than_the_rate_and_its_burst(
    per_minute: float, gaps: list[float]
) -> None:
    clock = Clock()
    pressure = pressed(clock, per_minute)
    times = []
    for gap in gaps:
        clock.now += gap
        if admitted(pressure):
            times.append(clock.now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            allowed = BURST + 1 + (times[last] - times[first]) * per_minute / 60
            assert last - first + 1 <= allowed


def test_processes_that_share_a_rate_have_their_part_of_it() -> None:
    clock, holders = Clock(), 1
    shared = Pressure(title="Acme", per_minute=60, clock=clock, holders=lambda: holders)

    def in_an_hour() -> int:
        count = 0
        for _ in range(3600):
            clock.now += 1
            count += admitted(shared)
        return count

    assert in_an_hour() == pytest.approx(3600, abs=BURST)
    holders = 3
    assert in_an_hour() == pytest.approx(1200, abs=BURST), "a third"
    holders = 1
    assert in_an_hour() == pytest.approx(3600, abs=2 * BURST), "the others are gone"


def test_a_steady_pace_at_the_rate_is_never_refused() -> None:
    clock = Clock()
    pressure = pressed(clock, 120)
    for _ in range(1000):
        assert admitted(pressure)
        clock.now += 0.5 + 1e-9


def test_over_the_rate_the_wait_is_said_and_suffices() -> None:
    clock = Clock()
    pressure = pressed(clock, 60, jitter=0)
    assert sum(admitted(pressure) for _ in range(100)) == BURST
    with pytest.raises(Busy) as busy:
        pressure.admit()
    assert busy.value.failure is Failure.RATE
    clock.now += busy.value.retry_after or 0
    assert admitted(pressure)


def test_a_pause_it_asks_for_holds_for_everyone() -> None:
    clock = Clock()
    pressure = pressed(clock)
    assert pressure.pushed_back(40.0) == 40.0
    assert not pressure.healthy
    with pytest.raises(Busy) as busy:
        pressure.admit()
    assert 40 <= (busy.value.retry_after or 0) <= 45
    pressure.pushed_back(5.0)  # a shorter one said later does not end it
    clock.now += 39
    assert not admitted(pressure)
    clock.now += 1
    assert pressure.healthy
    assert admitted(pressure)


def test_without_a_word_from_it_the_pauses_grow_and_are_bounded() -> None:
    pressure = pressed(Clock(), jitter=1.0)
    assert [pressure.pushed_back(None) for _ in range(11)] == [
        2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 300.0,
    ]  # fmt: skip
    pressure.answered()
    assert pressure.pushed_back(None) == 2.0
    assert pressed(Clock(), jitter=0.0).failed() == 1.0, "full jitter, yet never under a second"


def test_five_troubles_in_a_row_open_the_breaker_and_a_probe_closes_it() -> None:
    clock = Clock()
    pressure = pressed(clock, 600)
    for _ in range(4):
        assert admitted(pressure)
        pressure.failed()
    assert pressure.healthy
    assert admitted(pressure)
    pressure.failed()
    assert not pressure.healthy
    with pytest.raises(Busy) as busy:
        pressure.admit()
    assert busy.value.failure is Failure.DOWN
    clock.now += PROBE_EVERY
    assert admitted(pressure), "one probe"
    assert not admitted(pressure), "and one only"
    pressure.failed()
    clock.now += PROBE_EVERY - 1
    assert not admitted(pressure)
    clock.now += 1
    assert admitted(pressure)
    pressure.answered()
    assert pressure.healthy
    assert admitted(pressure)


def test_a_probe_that_is_never_heard_of_again_does_not_keep_it_shut() -> None:
    clock = Clock()
    pressure = pressed(clock)
    for _ in range(5):
        pressure.failed()
    clock.now += PROBE_EVERY
    assert admitted(pressure)
    clock.now += PROBE_EVERY
    assert admitted(pressure)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=300))
def test_while_out_of_order_it_is_probed_at_most_twice_a_minute(gaps: list[float]) -> None:
    clock = Clock()
    pressure = pressed(clock, 6000)
    for _ in range(5):
        pressure.failed()
    began, probes = clock.now, 0
    for gap in gaps:
        clock.now += gap
        if admitted(pressure):
            probes += 1
            pressure.failed()
    assert probes <= (clock.now - began) / PROBE_EVERY


def test_an_orderly_no_is_no_trouble() -> None:
    pressure = pressed(Clock(), 6000)
    for _ in range(100):
        pressure.failed()
        pressure.answered()
    assert pressure.healthy


NOW = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("1e3", None),
        ("٣", None),
        ("0", 1.0),
        ("-1", 1.0),
        ("1", 1.0),
        (" 30 ", 30.0),
        ("2.5", 2.5),
        ("900", 900.0),
        ("901", 900.0),
        ("1000000000", 900.0),
        ("9" * 400, None),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30", 30.0),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2015", 30.0),
        ("Wed, 21 Oct 2015 09:28:30 +0200", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 1.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 900.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_is_held_within_bounds(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, now=NOW) == seconds


@given(st.text(max_size=50))
def test_no_header_breaks_it(value: str) -> None:
    seconds = retry_after(value, now=NOW)
    assert seconds is None or 1.0 <= seconds <= 900.0
