"""A way to the playground on which each message that the bot sends is written down."""

import email.parser
import email.policy
import json
import re

from tests.rig.losing import Losing

_SAYS = re.compile(r"/messages(/|$)|/callback$|^/api/v\d+/webhooks/|/threads$")


class Listening(Losing):
    """A proxy on loopback that loses nothing and notes what each request says."""

    def __init__(self, playground):
        super().__init__(playground)
        self.said = []  #: method, path and body of what can hold a message

    async def serve(self, request):
        body = await request.read()
        if request.method in {"POST", "PATCH"} and _SAYS.search(request.path):
            told = _json(request.headers.get("Content-Type", ""), body)
            if told is not None:
                self.said.append((request.method, request.path, told))
        return await super().serve(request)


def _json(kind, body):
    """The JSON of a request, also where files go with it; None where there is none."""
    if kind.startswith("multipart/"):
        whole = b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
        parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole)
        for part in parts.iter_parts():
            if part.get_param("name", header="content-disposition") == "payload_json":
                return json.loads(part.get_content())
        return None
    return json.loads(body) if body else None


def message_in(told):
    """The message in a body: an answer to an interaction holds it one level deeper. None where
    there is none."""
    held = told.get("data", told) if "type" in told else told
    says = ("content", "components", "embeds", "files", "attachments", "allowed_mentions")
    return held if isinstance(held, dict) and any(held.get(each) for each in says) else None
