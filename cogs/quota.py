"""/quota: what moderators set, give, forbid and look up about credits."""

import io
from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands, ui
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.requester import moderator_of, requester_of
from bot.chat.suggesting import suggests
from bot.chat.trouble import Gone, translated
from bot.errors import Refusal
from bot.media import charts
from bot.moderation import audit_words, tables
from bot.moderation.limits import AUDITED, Limits, Report
from bot.moderation.typed import DEFAULT, PERIODS, UNLIMITED, dated, limit_of
from bot.words.limits import in_words
from bot.words.numbers import days as in_days
from bot.words.text import elide
from cogs._pressing import Waits, number, pressed
from storage import NO_LIMIT, Period, Use, Whose
from storage.periods import zone_named

Who = discord.Member | discord.Role
NAMED = 8  #: people whose names are asked of Discord for a chart
ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Paris",
    "Europe/Berlin",
    "Europe/Kyiv",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Australia/Sydney",
)


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class Quota(
    commands.GroupCog, group_name="quota", group_description="Moderators: who can spend how much"
):
    """Every /quota command. The limits checks that a moderator asks, each time."""

    def __init__(self, bot: Dailies) -> None:
        super().__init__()
        self.server_limits: Limits = bot.limits

    @app_commands.command()
    async def show(self, interaction: Interaction, person: discord.Member | None = None) -> None:
        """Show this server's limits, or one person's.

        Parameters
        ----------
        person:
            Whose limits. Default: the whole server's.
        """
        requester, dollars = moderator_of(interaction), interaction.client.usd_per_credit
        if person is None:
            found = await self.server_limits.overview(requester)
            return await _say(interaction, tables.overview(found, usd_per_credit=dollars))
        one = await self.server_limits.person(requester, person.id, _roles(person))
        return await _say(interaction, tables.person(person.id, one, usd_per_credit=dollars))

    @app_commands.command(name="set")
    async def set_quota(
        self,
        interaction: Interaction,
        amount: str,
        period: Period = Period.DAY,
        who: Who | None = None,
        reason: Range[str, 1, 200] = "",
    ) -> None:
        """Set how many credits a person, a role or everybody can spend.

        Parameters
        ----------
        amount:
            Credits, 0 for no clips, “unlimited”, or “default” to remove the rule.
        period:
            How often it resets.
        who:
            A person or a role. Default: every member.
        reason:
            Why, for the audit log.
        """
        whose, target = _whose(who, interaction)
        kept = await self.server_limits.set_quota(
            moderator_of(interaction), whose, amount, period, target=target, why=reason
        )
        name = "everybody" if target is None or who is None else who.mention
        await _say(interaction, _set_words(name, amount, period, kept=kept))

    @app_commands.command()
    async def budget(
        self,
        interaction: Interaction,
        amount: str | None = None,
        period: Period = Period.DAY,
        reason: Range[str, 1, 200] = "",
    ) -> None:
        """Show or set the server's budget: what all members can spend together.

        Parameters
        ----------
        amount:
            Credits, “unlimited” or “default”. Leave out to change nothing.
        period:
            How often it resets.
        reason:
            Why, for the audit log.
        """
        requester, client = moderator_of(interaction), interaction.client
        words = ""
        if amount is not None:
            kept = await self.server_limits.set_quota(
                requester, Whose.SERVER, amount, period, why=reason
            )
            words = _set_words("the whole server", amount, period, kept=kept) + "\n"
        found = await self.server_limits.overview(requester)
        words += tables.overview(found, usd_per_credit=client.usd_per_credit)
        if found.server.moderators is None:
            words += "\n⚠️ No alerts yet. Choose a moderator channel with `/studio setup`."
        resume = []
        if found.server.paused is not None:
            resume.append(button("Resume", "resume", emoji="▶️"))
        if found.stuck or found.standing.budget_left == 0:
            resume.append(button("Let orders go over the budget", "resume", "budget", emoji="▶️"))
        await _say(interaction, words, resume)

    @app_commands.command()
    async def limits(
        self,
        interaction: Interaction,
        clips_per_person: str | None = None,
        clips_in_server: str | None = None,
        orders_per_minute: str | None = None,
        at_once: str | None = None,
        time_zone: str | None = None,
        reason: Range[str, 1, 200] = "",
    ) -> None:
        """Set clips at once, orders a minute, and the time zone.

        Parameters
        ----------
        clips_per_person:
            Clips one person can have in progress: a number, “unlimited” or “default”.
        clips_in_server:
            Clips all members together can have in progress: a number, “unlimited” or “default”.
        orders_per_minute:
            Orders one person can make a minute: a number, “unlimited” or “default”.
        at_once:
            How many orders one person can make in a row.
        time_zone:
            Such as Europe/Paris. Days, weeks and months start by it.
        reason:
            Why, for the audit log.
        """
        requester = moderator_of(interaction)
        given = {
            "jobs_per_user": (clips_per_person, 1, 1000, True),
            "jobs_per_server": (clips_in_server, 1, 10_000, True),
            "per_minute": (orders_per_minute, 0.1, 600, False),
            "burst": (at_once, 1, 100, True),
        }
        changes: dict[str, Any] = {
            name: limit_of(typed, least=least, most=most, whole=whole)
            for name, (typed, least, most, whole) in given.items()
            if typed is not None
        }
        if changes.get("burst") == NO_LIMIT:
            raise Refusal("`at_once` must be a number. `orders_per_minute` can be unlimited.")
        if time_zone is not None:
            changes["zone"] = None if time_zone.strip().casefold() == DEFAULT else time_zone
        if changes:
            server = await self.server_limits.limit(requester, changes, why=reason)
        else:
            server = (await self.server_limits.overview(requester)).server
        await _say(interaction, tables.pace(server).removeprefix("-# "))

    @app_commands.command()
    async def grant(
        self,
        interaction: Interaction,
        person: discord.Member,
        credits: Range[int, 1, 1_000_000],
        days: Range[int, 1, 3650] | None = None,
        reason: Range[str, 1, 200] = "",
    ) -> None:
        """Give somebody extra credits.

        Parameters
        ----------
        person:
            Who gets them.
        credits:
            How many credits.
        days:
            How many days they last. Default: until they are used.
        reason:
            Why, for the audit log.
        """
        requester = moderator_of(interaction)
        given = await self.server_limits.grant(requester, person.id, credits, days=days, why=reason)
        ends = f" until <t:{int(given.expires_at)}:f>" if given.expires_at else ""
        await _say(interaction, f"{person.mention} has {in_words(given.amount)} more{ends}.")

    @app_commands.command()
    async def withdraw(
        self,
        interaction: Interaction,
        person: discord.User,
        grant: int | None = None,
        reason: Range[str, 1, 200] = "",
    ) -> None:
        """Take back what is left of somebody's extra credits.

        Parameters
        ----------
        person:
            Whose.
        grant:
            Which grant. Default: all of them.
        reason:
            Why, for the audit log.
        """
        requester = moderator_of(interaction)
        gone = await self.server_limits.withdraw(requester, person.id, grant, why=reason)
        await _say(interaction, f"{person.mention} has {in_words(gone)} less.")

    @app_commands.command()
    async def reset(
        self, interaction: Interaction, person: discord.Member, reason: Range[str, 1, 200] = ""
    ) -> None:
        """Reset somebody's quota, as if nothing was used.

        Parameters
        ----------
        person:
            Whose.
        reason:
            Why, for the audit log.
        """
        used = await self.server_limits.reset(moderator_of(interaction), person.id, why=reason)
        await _say(interaction, f"{person.mention} starts over: {in_words(used)} no longer count.")

    @app_commands.command()
    async def block(
        self,
        interaction: Interaction,
        person: discord.Member,
        reason: Range[str, 1, 200],
        days: Range[int, 1, 3650] | None = None,
    ) -> None:
        """Block somebody from ordering. Their clips in progress continue.

        Parameters
        ----------
        person:
            Who.
        reason:
            Why. They are told, and the audit log keeps it.
        days:
            For how many days. Default: until you unblock them.
        """
        await self.server_limits.block(moderator_of(interaction), person.id, days=days, why=reason)
        lasts = f" for {in_days(days)}" if days else ""
        await _say(interaction, f"{person.mention} can't order clips{lasts}.")

    @app_commands.command()
    async def unblock(
        self, interaction: Interaction, person: discord.User, reason: Range[str, 1, 200] = ""
    ) -> None:
        """Let somebody order again.

        Parameters
        ----------
        person:
            Who.
        reason:
            Why, for the audit log.
        """
        await self.server_limits.unblock(moderator_of(interaction), person.id, why=reason)
        await _say(interaction, f"{person.mention} can order clips again.")

    @app_commands.command()
    @app_commands.choices(period=[Choice(name=each, value=each) for each in PERIODS])
    async def report(
        self,
        interaction: Interaction,
        period: str = "this month",
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        """Show who spent how much, by provider and model: chart, table, CSV and JSON.

        Parameters
        ----------
        period:
            Which period, in the server's time zone.
        first:
            Instead of a period: the first day, such as 2026-11-01.
        last:
            The last day.
        """
        requester = moderator_of(interaction)
        for given in (first, last):
            if given is not None:
                dated(given)
        await answering.acknowledge(interaction, private=True)
        found = await self.server_limits.report(requester, period, first=first, last=last)
        names = await _names(interaction, found.uses)
        chart = await charts.report(found.uses, found.first, found.last, names=names)
        await answering.tell(
            interaction,
            tables.report(found, usd_per_credit=interaction.client.usd_per_credit),
            files=lambda: _files(found, chart),
        )

    @app_commands.command()
    async def audit(self, interaction: Interaction) -> None:
        """Show who changed what, when and why. Nobody can edit this log."""
        await _audit(interaction, None)

    @set_quota.autocomplete("amount")
    @budget.autocomplete("amount")
    @suggests
    async def _amounts(self, _: Interaction, typed: str) -> list[Choice[str]]:
        known = [UNLIMITED, DEFAULT, "100", "500", "1000", "5000"]
        known = [typed, *known] if typed.strip() else known
        return [Choice(name=each[:100], value=each[:100]) for each in dict.fromkeys(known)]

    @limits.autocomplete("clips_per_person")
    @limits.autocomplete("clips_in_server")
    @limits.autocomplete("orders_per_minute")
    @suggests
    async def _counts(self, _: Interaction, typed: str) -> list[Choice[str]]:
        known = [typed.strip()] if typed.strip() else []
        known += [UNLIMITED, DEFAULT, "1", "3", "10", "30"]
        return [Choice(name=each[:100], value=each[:100]) for each in dict.fromkeys(known)]

    @withdraw.autocomplete("grant")
    @suggests
    async def _grants(self, interaction: Interaction, _: str) -> list[Choice[int]]:
        person, requester = (
            getattr(interaction.namespace, "person", None),
            requester_of(interaction),
        )
        if person is None or not requester.moderator:
            return []
        found = (await self.server_limits.person(requester, person.id, frozenset())).grants
        return [
            Choice(name=f"{each.left:,} of {in_words(each.amount)}, #{each.id}", value=each.id)
            for each in found
            if each.left
        ][:25]

    @limits.autocomplete("time_zone")
    @suggests
    async def _zones(self, _: Interaction, typed: str) -> list[Choice[str]]:
        found = [each for each in ZONES if typed.casefold() in each.casefold()]
        if not found:
            try:
                found = [zone_named(typed.strip()).key]
            except ValueError:
                found = []
        return [Choice(name=each, value=each) for each in found]


@pressed("resume", moderators=True, waits=Waits.PRIVATE)
async def _resume(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    requester, bot = moderator_of(interaction), interaction.client
    server = await bot.server_queue.resume(requester, past_budget=about == "budget")
    await _say(interaction, tables.resumed(await bot.limits.overview(requester), server))


@pressed("audit", moderators=True, waits=Waits.PRIVATE)
async def _older(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _audit(interaction, number(about))


async def _audit(interaction: Interaction, before: int | None) -> None:
    changes = await interaction.client.limits.audit(moderator_of(interaction), before=before)
    older = []
    if len(changes) > AUDITED:
        older = [button("Older", "audit", changes[AUDITED - 1].seq)]
    await _say(interaction, audit_words.audit(changes), older)


def _whose(who: Who | None, interaction: Interaction) -> tuple[Whose, int | None]:
    """Whom a rule is for. The role that everybody has stands for everybody."""
    match who:
        case None:
            return Whose.MEMBER, None
        case discord.Role() if who.id == interaction.guild_id:
            return Whose.MEMBER, None
        case discord.Role():
            return Whose.ROLE, who.id
        case _:
            return Whose.USER, who.id


def _set_words(name: str, amount: str, period: Period, *, kept: bool) -> str:
    typed = amount.strip().casefold()
    if typed == DEFAULT:
        return f"{name}: rule removed." if kept else f"{name}: there was no rule to remove."
    if typed == UNLIMITED:
        return f"{name}: unlimited credits."
    digits = "".join(each for each in typed if each.isdigit())
    if not int(digits):
        return (
            f"{name}: no clips that cost credits. The slow lane is closed too: it is for a quota "
            "that is used up."
        )
    return f"{name}: {in_words(int(digits))} {tables.EACH[period]}."


async def _names(
    interaction: Interaction, uses: Sequence[Use]
) -> dict[int | None, tuple[str, ...]]:
    """What those who spent most are called here."""
    names: dict[int | None, tuple[str, ...]] = {None: ("forgotten",)}
    guild = interaction.guild
    for who, _, _ in tables.by(uses, "user_id")[:NAMED]:
        if who is None or guild is None:
            continue
        try:
            with translated():
                member = guild.get_member(who) or await guild.fetch_member(who)
            names[who] = (member.display_name, member.name)
        except Gone:
            names[who] = (f"left ({who})",)
    return names


def _files(found: Report, chart: bytes | None) -> list[discord.File]:
    span = f"{found.first}-{found.last}"
    alt = f"Credits by day and model, and by person, from {found.first} to {found.last}"
    picture = []
    if chart is not None:
        picture.append(discord.File(io.BytesIO(chart), f"report-{span}.png", description=alt))
    return [
        *picture,
        discord.File(io.BytesIO(tables.uses_csv(found.uses)), f"report-{span}.csv"),
        discord.File(io.BytesIO(tables.uses_json(found)), f"report-{span}.json"),
    ]


def _roles(person: discord.Member) -> frozenset[int]:
    return frozenset(role.id for role in person.roles)


async def _say(interaction: Interaction, text: str, items: Sequence[ui.Item[Any]] = ()) -> None:
    """Answer the moderator alone."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(elide(text, 4000)))
    if items:
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        for item in items:
            row.add_item(item)
        view.add_item(row)
    await answering.tell(interaction, view=view)


async def setup(bot: Dailies) -> None:
    await bot.add_cog(Quota(bot))
