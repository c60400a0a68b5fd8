"""`dailies doctor` and `dailies check`: look at a deployment, and change nothing of it."""

import asyncio
import time
from collections.abc import Mapping

from bot.app.buckets import bucket_of
from bot.app.compose import endpoint_of
from bot.app.configuration import Configuration
from bot.app.doctor_discord import look_at_discord
from bot.app.doctor_machine import (
    look_at_backups,
    look_at_clock,
    look_at_data,
    look_at_ports,
    look_at_programs,
)
from bot.app.doctor_server import look_at_server
from bot.app.findings import Report
from bot.app.health import main as health
from bot.app.webhooks import examine, receiver_of, waiting
from bot.errors import Busy, Failure, Refusal
from bot.exits import FAILED, OK
from bot.files.operator_url import shown
from bot.log_redaction import redact
from bot.providers import ChecksKey, Examined, connect_all
from bot.settings import Settings
from bot.words.numbers import days
from storage import Backlog, Locked, look_into

KEY_WITHIN = 20.0  #: seconds for a provider to say whether it takes our key


async def check(settings: Settings) -> int:
    """`dailies check`: whether every rule of the books holds, in all of history.

    Raises `CannotOpen` where there are no books.
    """
    data = settings.dailies_data
    try:
        async with look_into(data, server=settings.server) as store:
            broken = await store.check(thorough=True)
            files = await store.accounting.needed_files()
    except Locked:
        print("A running Dailies is using the data. It checks the accounts every minute and says:")
        return health(settings.dailies_web_host, settings.dailies_web_port)
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


async def doctor(configuration: Configuration, *, as_json: bool = False) -> int:
    """`dailies doctor`: look at every part, and say how to mend what is not well.

    Nothing is changed, and nothing is needed: without a network, what is elsewhere is not well.
    """
    settings = configuration.settings
    report = Report(as_json=as_json)
    await look_at_programs(report)
    await look_at_server(settings, report)
    data = await look_at_data(settings, report)
    await look_at_backups(settings, report, now=time.time())
    await look_at_ports(settings, report, in_use=data.in_use)
    report("servers", _served(settings, data.used))
    await _look_at_providers(configuration, report)
    await _look_at_bucket(settings, report)
    await _look_at_webhooks(settings, report, data.backlogs)
    await _look_at_prompt_help(settings, report)
    theirs = await look_at_discord(settings, report, data.channels)
    look_at_clock(report, theirs=theirs, now=time.time())
    return OK if report.end() else FAILED


async def _look_at_providers(configuration: Configuration, report: Report) -> None:
    """Each provider's key, where a free call shows whether it is taken, and each own server."""
    names = connect_all(
        configuration.connection, keep_last_resort=configuration.settings.dailies_local
    )
    report("providers", ", ".join(provider.title for provider in names.values()))
    for provider in names.values():
        try:
            if isinstance(provider, Examined):
                for finding in await provider.examine():
                    report(finding.part, finding.found, finding.mend)
            elif isinstance(provider, ChecksKey):
                await _look_at_key(provider.title, provider, report)
            elif provider.name != "local":
                report(provider.title, "its document has no free call that would show the key")
        finally:
            await provider.close()


async def _look_at_key(title: str, provider: ChecksKey, report: Report) -> None:
    try:
        async with asyncio.timeout(KEY_WITHIN):
            await provider.check_key()
    except TimeoutError:
        report(title, f"no answer within {KEY_WITHIN:g} s", "check the network")
    except (Busy, Refusal) as no:
        match no.failure:
            case Failure.LOST | Failure.INPUT | Failure.REFUSED:
                report(title, "takes the key")
            case Failure.KEY:
                report(title, "refuses the key", "copy it again from your account there")
            case Failure.CREDIT:
                report(title, "has no credit left", "add some in your account there")
            case _:
                report(title, str(no), "look at its status page, and check the network")
    else:
        report(title, "takes the key")


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


def _served(settings: Settings, used: int | None) -> str:
    """Who may order, and how much in all."""
    only = len(settings.dailies_servers)
    who = f"only the {only} in DAILIES_SERVERS" if only else "every server that invites the bot"
    if settings.dailies_budget_all is None:
        return f"{who}, each with its own budget (DAILIES_BUDGET_ALL sets one for all)"
    spent = f", {used:,} used" if used is not None else ""
    each = settings.dailies_budget_all_period
    return f"{who}, {settings.dailies_budget_all:,} credits a {each} in total{spent}"
