"""All that speaks Discord, outside of the commands."""
