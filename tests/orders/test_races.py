"""Of two hundred orders at once a limit in credits lets exactly one through, always."""

import pytest

from tests.rig.racing import race

#: How a moderator sets the limit to one clip, and what those hear who were too late.
LIMITS = {
    "quota": ("/quota set", {"amount": "6", "who": "mira"}, "this clip costs 6"),
    "budget": ("/quota budget", {"amount": "6"}, "this server has used its 6"),
}


@pytest.mark.prove
@pytest.mark.parametrize("limit", LIMITS)
async def test_of_200_orders_at_once_over_the_wire_exactly_one_is_taken(tmp_path, proof, limit):
    await race(tmp_path, proof, *LIMITS[limit])
