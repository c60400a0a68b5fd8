"""`dailies doctor` and `dailies check`: look at a deployment, and change nothing of it."""

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import discord
import imageio_ffmpeg

from bot.app.compose import bucket_of, defaults_of, endpoint_of
from bot.app.configuration import Configuration
from bot.app.health import main as health
from bot.app.webhooks import examine, receiver_of, waiting
from bot.chat.connection import invite_url, point_at
from bot.chat.login import check_token, explained, only_json
from bot.errors import Busy, Failure
from bot.exits import FAILED, OK, Exit
from bot.files.operator_url import shown
from bot.log_redaction import redact
from bot.providers import Examined, connect_all
from bot.settings import Settings
from bot.words.numbers import days
from storage import Backlog, CannotOpen, Locked, NotThere, look_into


class Report:
    """What is found, a line each. `trouble` counts what has to be mended."""

    def __init__(self) -> None:
        self.trouble = 0

    def __call__(self, part: str, found: str, mend: str = "") -> None:
        self.trouble += bool(mend)
        print(f"{'✗' if mend else '✓'} {part}: {found}{f' → {mend}' if mend else ''}")


async def check(settings: Settings) -> int:
    """`dailies check`: whether every rule of the books holds, in all of history.

    Raises `CannotOpen` where there are no books.
    """
    data = settings.dailies_data
    try:
        async with look_into(data) as store:
            broken = await store.check(thorough=True)
            files = await store.accounting.needed_files()
    except Locked:
        print("A running Dailies is using the data. It checks the accounts every minute and says:")
        return health()
    for sentence in broken:
        print(f"✗ {sentence}")
    if not broken:
        print("✓ The accounts add up.")
    lost = [(number, file) for number, file in files if not (data / file).is_file()]
    for number, file in lost:
        print(f"✗ {file} is missing from {data}. #{number} needs it.")
    if not lost:
        print(f"✓ Every file that a clip needs is there ({len(files):,}).")
    return FAILED if broken or lost else OK


async def doctor(configuration: Configuration) -> int:
    """`dailies doctor`: look at every part, and say how to mend what is not well."""
    settings = configuration.settings
    report = Report()
    report("Python", sys.version.split()[0])
    report("ffmpeg", Path(imageio_ffmpeg.get_ffmpeg_exe()).name)
    used, backlogs = await _look_at_data(settings, report)
    report("servers", _served(settings, used))
    names = connect_all(configuration.connection, keep_last_resort=settings.dailies_local)
    report("providers", ", ".join(provider.title for provider in names.values()))
    for provider in names.values():
        if isinstance(provider, Examined):
            for finding in await provider.examine():
                report(finding.part, finding.found, finding.mend)
        await provider.close()
    await _look_at_bucket(settings, report)
    await _look_at_webhooks(settings, report, backlogs)
    await _look_at_prompt_help(settings, report)
    await _look_at_discord(settings, report)
    return FAILED if report.trouble else OK


async def _look_at_data(
    settings: Settings, report: Report
) -> tuple[int | None, Mapping[str, Backlog]]:
    """The credits that were used of the budget for all servers, and what webhooks did not take;
    each where that can be known."""
    data, nothing = settings.dailies_data, dict[str, Backlog]()
    try:
        async with look_into(data, defaults=defaults_of(settings)) as store:
            total = await store.policy.total()
            backlogs = await store.outbox.backlogs()
    except NotThere:
        report("data", f"nothing in {data} yet, the first start makes it")
        return 0, nothing
    except Locked:
        report("data", f"{data}, in use by a running Dailies")
    except CannotOpen as error:
        report("data", str(error), "fix or move it")
    else:
        free = shutil.disk_usage(data).free / 2**30
        report("data", f"{data}, {free:.0f} GiB free", "make room" if free < 1 else "")
        return total.used if total is not None else 0, backlogs
    return None, nothing


async def _look_at_bucket(settings: Settings, report: Report) -> None:
    """Put a small object into the bucket, get it back and delete it."""
    bucket = bucket_of(settings)
    if bucket is None:
        report("bucket", "none, originals are kept only on the disk")
        return
    try:
        await bucket.check()
    except Busy as busy:
        mend = {
            Failure.KEY: "check DAILIES_S3_ACCESS_KEY and DAILIES_S3_SECRET_KEY. The keys must be "
            "allowed to put, get and delete",
            Failure.INPUT: "create it, or correct DAILIES_S3_BUCKET",
        }
        report(
            "bucket",
            str(busy),
            mend.get(busy.failure, f"check DAILIES_S3_…: {redact(busy.raw[:300])}"),
        )
        return
    kept = settings.dailies_s3_keep_days
    report("bucket", f"{bucket.name}, originals stay {days(kept) if kept else 'forever'}")


async def _look_at_webhooks(
    settings: Settings, report: Report, backlogs: Mapping[str, Backlog]
) -> None:
    """Send each webhook a ping, and say what it has not taken."""
    if settings.webhook_secret is None:
        report("webhooks", "none (WEBHOOK_URLS sets some)")
        return
    for url in settings.webhook_urls:
        trouble = await examine(url, settings.webhook_secret.get_secret_value(), at=time.time())
        backlog = backlogs.get(receiver_of(url))
        rest = waiting(backlog, time.time()) if backlog is not None else ""
        mend = "check WEBHOOK_URLS, and what listens there" if trouble else ""
        found = "; ".join(each for each in (trouble or "takes events", rest) if each)
        report(f"webhook {shown(url)}", found, mend)


async def _look_at_prompt_help(settings: Settings, report: Report) -> None:
    """Have the endpoint rewrite a prompt of nobody's."""
    endpoint = endpoint_of(settings)
    if endpoint is None:
        report("prompt help", "local only (PROMPT_HELP_URL sets an endpoint)")
        return
    trouble = await endpoint.examine()
    mend = "check PROMPT_HELP_URL, PROMPT_HELP_KEY and PROMPT_HELP_MODEL" if trouble else ""
    report("prompt help", trouble or f"{endpoint.receiver} with {endpoint.model}", mend)


async def _look_at_discord(settings: Settings, report: Report) -> None:
    if settings.discord_token is None:
        report("Discord", "no token", "set DISCORD_TOKEN, or use `dailies playground`")
        return
    token, where = settings.discord_token.get_secret_value(), settings.discord_api_url
    point_at(where, settings.discord_gateway_url)
    client = discord.Client(intents=discord.Intents.none(), http_trace=only_json(where))
    try:
        check_token(token, api_url=where)
        async with client:
            await client.login(token)
            invitation = invite_url(client.application_id or 0)
            report("Discord", f"logged in as {client.user}, invite: {invitation}")
    except Exit as error:
        _not_well(report, error)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _not_well(report, explained(error, api_url=where))


def _not_well(report: Report, error: Exit) -> None:
    """What is wrong is the first sentence, what to do the second."""
    found, _, mend = str(error).rstrip(".").partition(". ")
    report("Discord", found, mend or "check the network and DISCORD_API_URL")


def _served(settings: Settings, used: int | None) -> str:
    """Who may order, and how much in all."""
    only = len(settings.dailies_servers)
    who = f"only the {only} in DAILIES_SERVERS" if only else "every server that invites the bot"
    if settings.dailies_budget_all is None:
        return f"{who}, each with its own budget (DAILIES_BUDGET_ALL sets one for all)"
    spent = f", {used:,} used" if used is not None else ""
    each = settings.dailies_budget_all_period
    return f"{who}, {settings.dailies_budget_all:,} credits a {each} in total{spent}"
