"""Where Discord is, and how the bot is invited."""

import discord
import yarl

from bot.chat.requester import NEEDED

#: What an invitation asks for: the above, removing a reaction that is refused, pinning a board.
INVITED = discord.Permissions(
    NEEDED.value | discord.Permissions(manage_messages=True, pin_messages=True).value
)


def point_at(api_url: str, gateway_url: str | None) -> None:
    """Make discord.py speak to this REST API and gateway, all of it in the process."""
    discord.http.Route.BASE = api_url.rstrip("/")
    if gateway_url is not None:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def invite_url(application_id: int) -> str:
    """The link that adds the bot to a server with exactly the permissions it needs."""
    return discord.utils.oauth_url(
        application_id, permissions=INVITED, scopes=("bot", "applications.commands")
    )
