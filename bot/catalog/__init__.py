"""What models can make, as data, and for how much."""
