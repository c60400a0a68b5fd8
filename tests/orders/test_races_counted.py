"""Of two hundred orders at once a limit in clips lets exactly one through, always."""

import pytest

from tests.rig.racing import race

#: How a moderator sets the limit to one clip, and what those hear who were too late.
LIMITS = {
    "person": ("/quota limits", {"clips_per_person": "1"}, "in progress"),
    "server": ("/quota limits", {"clips_in_server": "1"}, "in progress"),
    "pace": ("/quota limits", {"orders_per_minute": "0.1", "at_once": "1"}, "a minute"),
}


@pytest.mark.prove
@pytest.mark.parametrize("limit", LIMITS)
async def test_of_200_orders_at_once_over_the_wire_exactly_one_is_taken(tmp_path, proof, limit):
    await race(tmp_path, proof, *LIMITS[limit])
