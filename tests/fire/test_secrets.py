"""A canary in every secret setting: none is in a log at DEBUG, in the data directory, in a backup,
in a message or in what is sent to others."""

import asyncio
import base64
import io
import json
import logging
from contextlib import contextmanager
from urllib.parse import quote

from pydantic import SecretStr

from bot.app import logs
from bot.settings import Settings
from storage import State, copy_database
from tests.rig.completions import completions
from tests.rig.imitated import PREFIXES, imitated
from tests.rig.receiver import receiver
from tests.rig.s3 import KEY, SECRET, s3

#: In no shape that a rule for the logs could know; and with what has to be written otherwise in
#: a URL, where that may stand in a key.
CANARIES = {name: f"canary of+{name}/zq7" for name in ("webhook", "writer", "metrics")}
KEYS = {name: f"canary-{name}-zq7-{name}" for name in PREFIXES}


def written(secret: str) -> set[bytes]:
    """The forms in which *secret* may stand somewhere: as it is, in a URL, in JSON, in base64."""
    raw = secret.encode()
    forms = {raw, quote(secret).encode(), quote(secret, safe="").encode()}
    forms |= {json.dumps(secret)[1:-1].encode(), raw.hex().encode()}
    for shift in range(3):  # base64 of a longer text that holds it, without its uncertain ends
        whole = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        forms.add(whole[4 if shift else 0 : -2])
    return forms


def test_each_form_of_a_secret_is_known() -> None:
    secret = "canary of+it/zq7"
    for text in (
        f"x{secret}y",
        "x" + quote(secret, safe=""),
        base64.b64encode(f"bot:{secret}".encode()).decode(),
        base64.b64encode(f"ab:{secret}:cd".encode()).decode(),
        base64.b64encode(f"abc:{secret}".encode()).decode(),
        secret.encode().hex(),
    ):
        assert hits({"it": secret}, text.encode()), text
    assert not hits({"it": secret}, b"canary of another, and a base64 of nothing: Y2FuYXJ5")


def hits(secrets: dict[str, str], content: bytes) -> list[str]:
    """The names of the *secrets* that stand in *content*."""
    return [name for name, each in secrets.items() if any(it in content for it in written(each))]


@contextmanager
def logged():
    """All that is logged at DEBUG, as `dailies run` writes it."""
    text = io.StringIO()
    logs.begin("DEBUG")
    (handler,) = logging.getLogger().handlers
    handler.setStream(text)
    yield text


def test_each_secret_setting_has_a_canary() -> None:
    """Whoever adds a secret has to add it here."""
    known = {
        *("discord_token", "dailies_s3_access_key", "dailies_s3_secret_key"),
        *("webhook_secret", "prompt_help_key", "dailies_metrics_token", "dailies_store"),
    }
    found = {
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in getattr(field.annotation, "__args__", (field.annotation,))
    }
    assert found == known


async def test_no_canary_is_anywhere_but_with_whom_it_belongs(media, tmp_path) -> None:
    secrets = {**CANARIES, **KEYS, "bucket": KEY, "bucket's secret": SECRET}
    data, environ = tmp_path / "data", {f"{PREFIXES[n]}_API_KEY": key for n, key in KEYS.items()}
    with logged() as log:
        async with (
            receiver() as hook,
            completions() as writer,
            s3() as bucket,
            imitated(
                media, data, environ=environ,
                webhook_urls=(hook.url,), webhook_secret=CANARIES["webhook"],
                prompt_help_url=writer.url, prompt_help_model="m",
                prompt_help_key=CANARIES["writer"], dailies_metrics_token=CANARIES["metrics"],
                **bucket.settings(),
            ) as place,
        ):  # fmt: skip
            secrets["token"] = place.playground.token
            for name in PREFIXES:
                place.servers[name].key = KEYS[name]
            made = await ordered(place, media)
            ends = await place.settled([job.id for job in made])
            assert {job.state for job in ends.values()} == {State.DONE}, "the keys are used"
            for name in PREFIXES:  # and is refused, which is logged and told
                place.servers[name].key = "another"
            made = await ordered(place, media)
            ends = await place.settled([job.id for job in made])
            assert State.FAILED in {job.state for job in ends.values()}
            logging.getLogger("bot.providers.ltx").error("It broke.", exc_info=_broken(KEYS["ltx"]))
            while_running = _bytes_under(data)
            backup = tmp_path / "backup.db"
            await asyncio.to_thread(copy_database, data, backup, at=1_700_000_000.0)
            in_bucket = b"".join(bucket.objects.values())
            said = json.dumps([each.raw for person in place.people for each in person.everything()])
            told = b"".join(body for _, body in hook.sent)
    assert len(log.getvalue()) > 10_000, "DEBUG says much"
    assert len(while_running) > 10_000 and len(told) > 100
    assert hits(secrets, log.getvalue().encode()) == []
    assert hits(secrets, while_running) == [], "the database, its log of writes, and all else"
    assert hits(secrets, _bytes_under(data)) == []
    assert backup.stat().st_size > 100_000 and len(in_bucket) > 1000
    assert hits(secrets, backup.read_bytes()) == []
    assert hits(secrets, in_bucket) == []
    assert hits(secrets, said.encode()) == []
    assert hits(secrets, told) == []


async def ordered(place, media):
    """A clip from each company: from a picture, since not each makes one from words alone."""
    return [
        await place.order("image", prompt="a fox", provider=name, image=media.picture)
        for name in PREFIXES
    ]


def _broken(key):
    """An exception that carries a header with *key*, as an HTTP library's may."""
    try:
        raise ValueError(f"bad header: [(b'authorization', b'Bearer {key}')]")
    except ValueError as error:
        return error


def _bytes_under(folder):
    return b"\n".join(
        path.name.encode() + path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
