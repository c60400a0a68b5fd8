"""The promises under fire: seeded bugs, kills, power cuts, floods and hostile input."""
