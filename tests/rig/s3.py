"""An S3 on loopback that believes nobody: every signature and every hash is checked.

Written from Amazon's reference (Signature Version 4, PutObject, GetObject, HeadObject,
ListObjectsV2, DeleteObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload);
path-style addresses.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote
from xml.etree import ElementTree as ET

from aiohttp import web

BUCKET, KEY, SECRET, REGION = "originals", "AKIALOOPBACK", "a secret of the tests", "nowhere-1"
PAGE = 2  #: objects of one answer to a question for a list
PART = 5 * 2**20  #: bytes that every part but the last must have
FORMAT = "%Y%m%dT%H%M%SZ"


class S3:
    """One bucket. *down* refuses everything with 503; *held* keeps what is put or got waiting."""

    def __init__(self):
        self.objects = {}
        self.calls = []  # (method, key) of every request that was let in
        self.down = False
        self.forbidden = set()  # methods that the keys may not use
        self.held = None  # an asyncio.Event: what is put or got waits for it
        self.uploads = {}
        self.most = 0  # puts under way at once, ever
        self._puts = 0
        self.port = 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more):
        values = {"bucket": BUCKET, "endpoint": self.endpoint, "region": REGION}
        values |= {"access_key": KEY, "secret_key": SECRET, "prefix": "studio", **more}
        return {f"dailies_s3_{name}": value for name, value in values.items()}

    def named(self, folder="studio/"):
        return sorted(key for key in self.objects if key.startswith(folder))

    def puts(self):
        return [key for method, key in self.calls if method in {"PUT", "POST"}]

    async def answer(self, request):
        if self.down:
            return web.Response(status=503, text=_error("ServiceUnavailable"))
        body = await request.read()
        code = _judge(request, body)
        if code is not None:
            return web.Response(status=403, text=_error(code))
        bucket, _, key = request.path.removeprefix("/").partition("/")
        self.calls.append((request.method, key))
        if request.method in self.forbidden:
            return web.Response(status=403, text=_error("AccessDenied"))
        if bucket != BUCKET:
            return web.Response(status=404, text=_error("NoSuchBucket"))
        match request.method:
            case "PUT" | "POST":
                return await self._put(request, key, body)
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
            case "GET" if not key:
                return self._list(request.query)
            case "GET":
                await self._wait()
                return self._get(request, key)
            case "HEAD":
                return self._get(request, key)
            case _:
                return web.Response(status=405, text=_error("MethodNotAllowed"))

    def _list(self, query):
        """ListObjectsV2: in the order of the names, `PAGE` at a time."""
        after = query.get("continuation-token", "")
        found = [key for key in self.named(query.get("prefix", "")) if key > after]
        page, more = found[:PAGE], len(found) > PAGE
        entries = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified>"
            f"<ETag>{_etag(self.objects[key])}</ETag><Size>{len(self.objects[key])}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        return web.Response(
            content_type="application/xml",
            text=f"<ListBucketResult><Name>{BUCKET}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>",
        )

    async def _wait(self):
        if self.held is not None:
            await self.held.wait()

    async def _put(self, request, key, body):
        self._puts += 1
        self.most = max(self.most, self._puts)
        try:
            await self._wait()
            query = request.query
            if "uploads" in query:
                upload = secrets.token_hex(8)
                self.uploads[upload] = (key, {})
                return web.Response(text=f"<R><UploadId>{upload}</UploadId></R>")
            if "uploadId" not in query:
                self.objects[key] = body
                return web.Response(headers={"ETag": _etag(body)})
            wanted, parts = self.uploads.get(query["uploadId"], (None, {}))
            if wanted != key:
                return web.Response(status=404, text=_error("NoSuchUpload"))
            if "partNumber" in query:
                parts[int(query["partNumber"])] = body
                return web.Response(headers={"ETag": _etag(body)})
            return self._complete(query["uploadId"], key, parts, body)
        finally:
            self._puts -= 1

    def _complete(self, upload, key, parts, body):
        tree = ET.fromstring(body)
        named = [
            (int(part.findtext("{*}PartNumber")), part.findtext("{*}ETag").strip('"'))
            for part in tree.findall("{*}Part")
        ]
        if named != [(number, _etag(parts[number]).strip('"')) for number in sorted(parts)]:
            return web.Response(status=400, text=_error("InvalidPart"))
        pieces = [parts[number] for number in sorted(parts)]
        if any(len(piece) < PART for piece in pieces[:-1]):
            return web.Response(status=400, text=_error("EntityTooSmall"))
        self.objects[key] = b"".join(pieces)
        del self.uploads[upload]
        return web.Response(text=f"<R><ETag>{_etag(self.objects[key])}</ETag></R>")

    def _get(self, request, key):
        if key not in self.objects:
            return web.Response(status=404, text=_error("NoSuchKey"))
        content = self.objects[key]
        headers = {
            "ETag": _etag(content),
            "Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT",
            "Accept-Ranges": "bytes",
        }
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if span is None:
            return web.Response(body=content, headers=headers)
        first, last = int(span[1]), min(int(span[2] or len(content) - 1), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return web.Response(status=206, body=content[first : last + 1], headers=headers)


@asynccontextmanager
async def s3():
    """An empty one, listening until the end."""
    bucket = S3()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{key:.*}", bucket.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bucket.port = runner.addresses[0][1]
    try:
        yield bucket
    finally:
        if bucket.held is not None:
            bucket.held.set()
        await asyncio.wait_for(runner.cleanup(), 120)


def _judge(request, body):
    """Why a request is not let in; None if it is."""
    pairs = parse_qsl(request.url.raw_query_string, keep_blank_values=True)
    query = dict(pairs)
    header = request.headers.get("Authorization", "")
    if "X-Amz-Signature" in query:
        given = query["X-Amz-Signature"]
        who, signed = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
        stamp, hashed = query["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        life = int(query["X-Amz-Expires"])
        if not 1 <= life <= 604_800:
            return "AuthorizationQueryParametersError"
    else:
        parts = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+), ?SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})",
            header,
        )
        if parts is None:
            return "AccessDenied"
        who, signed, given = parts.groups()
        stamp, hashed = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
        life = 900
        if hashed != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(signed.split(";")):
            return "AccessDenied"
    age = datetime.now(UTC) - datetime.strptime(stamp, FORMAT).replace(tzinfo=UTC)
    if not timedelta(minutes=-15) <= age <= timedelta(seconds=life):
        return "RequestTimeTooSkewed"
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    if who != f"{KEY}/{scope}":
        return "InvalidAccessKeyId"
    canonical = "\n".join(
        (
            request.method,
            request.url.raw_path,
            "&".join(
                f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
                for name, value in sorted(pairs)
                if name != "X-Amz-Signature"
            ),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in signed.split(";")),
            "",
            signed,
            hashed,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    wanted = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{SECRET}".encode()
    for step in (*scope.split("/"), wanted):
        key = hmac.digest(key, step.encode(), "sha256")
    return None if hmac.compare_digest(key.hex(), given) else "SignatureDoesNotMatch"


def _etag(content):
    return f'"{hashlib.md5(content).hexdigest()}"'


def _error(code):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
