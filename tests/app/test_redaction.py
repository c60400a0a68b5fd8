"""Logs: what looks like a secret does not get into them."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.log_redaction import Redaction, redact

# In the shape of a bot's token and of keys, and nobody's.
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.mark.parametrize(
    "secret",
    [
        "https://storage.example/v.mp4?X-Goog-Signature=SECRETsecret&X-Goog-Date=1",
        "https://user:SECRETsecret@example.com/x",
        "GET https://api.example/status?task_id=SECRETsecret HTTP/1.1",
        "Authorization: Bearer SECRETsecret",
        "{'Authorization': 'Bearer SECRETsecret', 'Accept': 'application/json'}",
        "[(b'authorization', b'Bearer SECRETsecret')]",
        "authorization=SECRETsecret",
        "Ocp-Apim-Subscription-Key: SECRETsecret",
        "Cookie: SECRETsecret",
        "bearer SECRETsecret12",
        "Bot SECRETsecret12",
        "LTX_API_KEY=SECRETsecret",
        '"api_key": "SECRETsecret"',
        "token: SECRETsecret",
        "https://discord.com/api/v10/webhooks/123456/SECRETsecret/messages/@original",
        "/interactions/123456/SECRETsecret/callback",
        "POST /callbacks/apixo/SECRETsecret",
        "sk-SECRETsecretSECRETsecret",
    ],
)
def test_what_looks_like_a_secret_is_blanked(secret: str) -> None:
    once = redact(secret)
    assert "SECRET" not in once
    assert redact(once) == once


def test_a_bots_token_is_blanked_wherever_it_stands() -> None:
    assert TOKEN not in redact(f"Improper token {TOKEN} has been passed.")


@pytest.mark.parametrize(
    "plain",
    [
        "Job 42 was taken: a fox runs over snow",
        "GET https://api.ltx.video/v2/text-to-video/2f0e-4a 200",
        "LTX is down right now. Trying again in 12.5 s",
        "ltx-2-3-pro can't make a 12 s clip. It makes 6, 8 or 10 s.",
        "Is it a robot walking? Yes.",
    ],
)
def test_plain_words_stay(plain: str) -> None:
    assert redact(plain) == plain


def test_a_handler_with_the_filter_writes_no_secret() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(Redaction())
    log = logging.getLogger("bot.providers.of_this_test")
    log.addHandler(handler)
    log.propagate = False
    try:
        log.warning("Asked %s with %r", "https://a.example/x?sig=SECRET1", {"api_key": "SECRET2"})
        try:
            raise ValueError("https://a.example/x?sig=SECRET3")
        except ValueError:
            log.exception("It broke: Bearer %s", "SECRET4SECRET4")
    finally:
        log.removeHandler(handler)
    assert "SECRET" not in written.getvalue()
    assert "https://a.example/x?…" in written.getvalue()
    assert "ValueError" in written.getvalue()


@given(st.text(max_size=300))
@pytest.mark.long
def test_any_text_can_be_redacted_and_settles(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
