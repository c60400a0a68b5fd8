"""The wait between tries of the same thing."""

from bot.backoff import backoff


def test_it_doubles_after_each_try_until_it_is_long_enough():
    assert [backoff(tries, most=300) for tries in range(6)] == [1, 2, 4, 8, 16, 32]
    assert [backoff(tries, first=5, most=60) for tries in range(6)] == [5, 10, 20, 40, 60, 60]


def test_what_failed_for_weeks_is_tried_as_seldom_as_allowed():
    assert backoff(100_000, most=3600) == 3600
