"""Links into Discord, as its own clients write them."""


def jump(guild_id: int | None, channel_id: int | None, message_id: int | None = None) -> str:
    """The link to a channel, or to a message in it; "" where there is no channel."""
    if channel_id is None:
        return ""
    where = f"https://discord.com/channels/{guild_id}/{channel_id}"
    return where if message_id is None else f"{where}/{message_id}"
