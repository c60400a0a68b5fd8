"""The loopback ComfyUI answers as a real one did: statuses, keys, the order of its frames.

The tables are what a ComfyUI 0.12.1 was recorded to do, on 28 November 2026, with nodes that need
no weights. `COMFYUI_TEST_URL` holds a real server against the same tables: see
`test_comfyui_real.py`.
"""

import asyncio
import json
import uuid

import aiohttp
import pytest

from playground.providers.comfyui import ComfyUIServer, Vices
from tests.rig.gpus import Clips

OLD = {"atomic_cancel": False, "strict_ids": False}


def node(class_type, /, **inputs):
    return {"class_type": class_type, "inputs": inputs}


def graph(steps=2, *, color=1, seconds=0.01, prefix="dailies/x", **other):
    return {
        "1": node("EmptyImage", width=256, height=128, batch_size=25, color=color),
        "3": node("CreateVideo", images=["2", 0], fps=25.0),
        "4": node("SaveVideo", video=["3", 0], filename_prefix=prefix, format="mp4", codec="h264"),
        "2": node("ProbeSteps", image=["1", 0], steps=steps, seconds=seconds),
        **other,
    }


#: What is posted; the status; the type of the error, or of the first error of a node; its details.
ORDERS = [
    (
        "a model file that is not there",
        {
            "1": node("CheckpointLoaderSimple", ckpt_name="no.safetensors"),
            "2": node("CLIPTextEncode", text="x", clip=["1", 1]),
            "5": node("PreviewImage", images=["6", 0]),
            "6": node("VAEDecodeTiled", samples=["7", 0], vae=["1", 2]),
            "7": node("EmptyLTXVLatentVideo", width=64, height=64, length=9, batch_size=1),
        },
        400,
        "value_not_in_list",
        "ckpt_name: 'no.safetensors' not in []",
    ),
    (
        "a custom node that is not installed",
        graph(**{"9": node("LTXVGemmaEnhancePrompt") | {"_meta": {"title": "Enhance"}}}),
        400,
        "missing_node_type",
        "Node ID '#9'",
    ),
    (
        "a required input missing",
        graph(**{"3": node("CreateVideo", images=["1", 0])}),
        400,
        "required_input_missing",
        "fps",
    ),
    (
        "below the minimum",
        graph(**{"1": node("EmptyImage", width=0, height=128, batch_size=25, color=1)}),
        400,
        "value_smaller_than_min",
        "width",
    ),
    (
        "a wrong type",
        graph(**{"3": node("CreateVideo", images=["1", 0], fps="fast")}),
        400,
        "invalid_input_type",
        "fps, fast, could not convert string to float: 'fast'",
    ),
    (
        "a link to a node that is not there",
        graph(**{"3": node("CreateVideo", images=["77", 0], fps=25.0)}),
        400,
        "exception_during_inner_validation",
        "'77'",
    ),
    (
        "a link of the wrong type",
        graph(
            **{
                "4": node(
                    "SaveVideo", video=["1", 0], filename_prefix="x", format="mp4", codec="h264"
                )
            }
        ),
        400,
        "return_type_mismatch",
        "video, received_type(IMAGE) mismatch input_type(VIDEO)",
    ),
    (
        "no output node",
        {"1": node("EmptyImage", width=256, height=128, batch_size=25, color=1)},
        400,
        "prompt_no_outputs",
        "",
    ),
    (
        "a file of the editor",
        {"1": {"inputs": {"width": 256}}},
        400,
        "missing_node_type",
        "Node ID '#1'",
    ),
    (
        "an image that was not uploaded",
        graph(**{"1": node("LoadImage", image="dailies/nope.png")}),
        400,
        "custom_validation_failed",
        "image - Invalid image file: dailies/nope.png",
    ),
    (
        "one good output and one bad",
        graph(
            **{
                "8": node(
                    "SaveVideo", video=["3", 0], filename_prefix="y", format="avi", codec="h264"
                )
            }
        ),
        200,
        "value_not_in_list",
        "format: 'avi' not in ['auto', 'mp4']",
    ),
    ("a good one", graph(), 200, None, None),
]

#: A question; the status; the keys of its JSON, its JSON, or None for no JSON.
QUESTIONS = [
    ("GET", "/prompt", {}, 200, {"exec_info": {"queue_remaining": 0}}),
    ("GET", "/api/prompt", {}, 200, {"exec_info": {"queue_remaining": 0}}),
    ("GET", "/queue", {}, 200, {"queue_running": [], "queue_pending": []}),
    ("GET", "/history/unknown", {}, 200, {}),
    ("GET", "/api/jobs/unknown", {}, 404, {"error": "Job not found"}),
    (
        "GET",
        "/api/jobs?status=odd",
        {},
        400,
        {
            "error": "Invalid status value(s): odd. Valid values: pending, in_progress, "
            "completed, failed, cancelled"
        },
    ),
    ("GET", "/object_info/NoSuchNode", {}, 200, {}),
    ("GET", "/models/nofolder", {}, 404, None),
    ("POST", "/queue", {"delete": ["unknown"]}, 200, None),
    ("POST", "/interrupt", {"prompt_id": "unknown"}, 200, None),
    ("POST", "/api/jobs/unknown/cancel", {}, 405, None),
    ("GET", "/view?filename=../../server.log", {}, 400, None),
    ("GET", "/view?filename=/etc/passwd", {}, 400, None),
    ("GET", "/view?filename=nothere.mp4", {}, 404, None),
    ("GET", "/view?filename=a.png&type=input&subfolder=../..", {}, 403, None),
    ("GET", "/view?filename=a.png&type=other", {}, 400, None),
    ("GET", "/view?filename=", {}, 400, None),
    ("GET", "/view", {}, 404, None),
]

WAITING = ["id", "status", "priority", "create_time", "outputs_count"]
COMPLETED = [
    *("id", "status", "priority", "create_time", "execution_start_time", "execution_end_time"),
    *("outputs_count", "preview_output", "outputs", "execution_status", "workflow"),
]

#: The frames of one job to the socket of its client, consecutive ones of a kind told once.
FRAMES = [
    *("status", "execution_start", "execution_cached"),
    *("progress_state", "executing") * 2,  # nodes 1 and 2 begin
    *("progress_state", "progress") * 2,  # two steps
    *("progress_state", "executing") * 2,  # nodes 3 and 4 begin
    *("executed", "progress_state", "execution_success", "status", "executing"),
]
FROM_THE_CACHE = [
    *("status", "execution_start", "execution_cached", "executed", "progress_state"),
    *("execution_success", "status", "executing"),
]


class Line:
    """A server, asked as a test asks it, and what one socket hears."""

    def __init__(self, base, session):
        self.base = base
        self.session = session

    async def ask(self, method, path, **more):
        async with self.session.request(method, self.base + path, **more) as answer:
            body = await answer.read()
            try:
                return answer.status, json.loads(body)
            except ValueError:
                return answer.status, None

    async def order(self, nodes, **more):
        return await self.ask("POST", "/prompt", json={"prompt": nodes, **more})

    async def ended(self, name):
        async with asyncio.timeout(60):
            while True:
                status, job = await self.ask("GET", f"/api/jobs/{name}")
                if status == 200 and job["status"] not in ("pending", "in_progress"):
                    return job
                await asyncio.sleep(0.02)

    async def listen(self, name=None):
        name = name or uuid.uuid4().hex
        address = self.base.replace("http", "ws", 1)
        return name, await self.session.ws_connect(f"{address}/ws?clientId={name}", max_msg_size=0)


async def frames(socket, until=None):
    """The frames until one that *until* takes: their types, and their data."""
    found = []
    async with asyncio.timeout(30):
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                if message.type is not aiohttp.WSMsgType.BINARY:
                    return found
                continue
            frame = json.loads(message.data)
            found.append((frame["type"], frame["data"]))
            if until is not None and until(*found[-1]):
                return found


def over(name):
    return lambda kind, data: (
        kind == "executing" and data.get("node") is None and data.get("prompt_id") == name
    )


async def quiet(socket, seconds=0.3):
    """The frames that still come within *seconds*."""
    found = []
    try:
        while True:
            message = await socket.receive(timeout=seconds)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return found
            found.append(json.loads(message.data)["type"])
    except TimeoutError:
        return found


def once(types):
    """*types* without one that follows its like."""
    return [each for at, each in enumerate(types) if at == 0 or types[at - 1] != each]


@pytest.fixture
async def server(media, tmp_path):
    clips = Clips(media, tmp_path / "made")
    folder = tmp_path / "gpu"
    async with ComfyUIServer(
        clips, folder=folder, vices=Vices(**OLD), models={"checkpoints": [], "loras": []}
    ) as running:
        yield running


@pytest.fixture
async def line(server):
    async with aiohttp.ClientSession() as session:
        yield Line(server.url, session)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
async def test_an_order_is_answered_as_it_was_recorded(line, order):
    _, nodes, status, kind, details = order
    got, data = await line.order(nodes)
    assert got == status, data
    if status == 200:
        assert list(data) == ["prompt_id", "number", "node_errors"]
    else:
        assert list(data) == ["error", "node_errors"]
        assert list(data["error"]) == ["type", "message", "details", "extra_info"]
    errors = [each for found in data["node_errors"].values() for each in found["errors"]]
    for found in data["node_errors"].values():
        assert set(found) == {"errors", "dependent_outputs", "class_type"}
    told = errors or [data.get("error", {})]
    assert told[0].get("type") == kind
    assert told[0].get("details") == details


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: f"{each[0]} {each[1]}")
async def test_a_question_is_answered_as_it_was_recorded(line, question):
    method, path, body, status, said = question
    assert await line.ask(method, path, json=body if method == "POST" else None) == (status, said)


async def test_odd_bodies_get_what_they_got(line):
    status, data = await line.ask("POST", "/prompt", json={"client_id": "a"})
    assert (status, data["error"]["type"]) == (400, "no_prompt")
    assert (await line.ask("POST", "/prompt", data=b"{"))[0] == 500
    assert (await line.order(graph(), prompt_id="dailies-job-42"))[0] == 200


async def test_a_newer_server_wants_a_uuid_and_has_a_route_to_cancel(server, line):
    server.vices.atomic_cancel = server.vices.strict_ids = True
    status, data = await line.order(graph(), prompt_id="dailies-job-42")
    assert (status, data["error"]["type"]) == (400, "invalid_prompt_id")
    assert await line.ask("POST", "/api/jobs/x/cancel") == (200, {"cancelled": False})


async def test_the_frames_of_a_job_come_in_the_order_they_came(line):
    client, socket = await line.listen()
    await socket.send_str('{"type": "feature_flags", "data": {"supports_preview_metadata": true}}')
    [(_, hello), (flags, _)] = await frames(socket, lambda kind, _: kind == "feature_flags")
    assert (hello["sid"], flags) == (client, "feature_flags")
    name = str(uuid.uuid4())
    await line.order(graph(), prompt_id=name, client_id=client)
    heard = await frames(socket, over(name))
    assert once([kind for kind, _ in heard]) == FRAMES
    job = await line.ended(name)
    assert list(job) == COMPLETED
    assert job["outputs"]["4"]["images"] == [
        {"filename": "x_00001_.mp4", "subfolder": "dailies", "type": "output"}
    ]
    assert job["outputs"]["4"]["animated"] == [True]
    [(told, entry)] = (await line.ask("GET", f"/history/{name}"))[1].items()
    assert (told, list(entry)) == (name, ["prompt", "outputs", "status", "meta"])
    state = next(data for kind, data in heard if kind == "progress_state")["nodes"]["1"]
    assert {"value", "max", "state", "node_id", "display_node_id", "real_node_id"} < set(state)


async def test_the_same_graph_again_is_done_at_once_with_the_old_file(line):
    client, socket = await line.listen()
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    await line.order(graph(), prompt_id=first, client_id=client)
    await frames(socket, over(first))
    await line.order(graph(), prompt_id=second, client_id=client)
    heard = await frames(socket, over(second))
    assert once([kind for kind, _ in heard]) == FROM_THE_CACHE
    cached = next(data for kind, data in heard if kind == "execution_cached")
    assert sorted(cached["nodes"]) == ["1", "2", "3", "4"]
    file = (await line.ended(second))["outputs"]["4"]["images"][0]["filename"]
    assert file == "x_00001_.mp4"


async def test_a_name_is_no_lock(server, line):
    name = str(uuid.uuid4())
    for color in (1, 2, 3):
        assert (await line.order(graph(color=color), prompt_id=name))[0] == 200
    async with asyncio.timeout(30):
        while len(server.runs) < 3 or server.world.remaining:
            await asyncio.sleep(0.02)
    assert [prompt.id for prompt in server.runs] == [name] * 3


async def test_what_waits_is_deleted_and_what_runs_is_interrupted(line):
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for color, name in enumerate(ids):
        await line.order(graph(100, color=color, seconds=0.05), prompt_id=name)
        await asyncio.sleep(0.002)  # they are listed by the millisecond in which they came
    await asyncio.sleep(0.2)
    _, listed = await line.ask("GET", "/api/jobs?status=pending,in_progress&sort_order=asc")
    assert [each["status"] for each in listed["jobs"]] == ["in_progress", "pending", "pending"]
    assert [each["id"] for each in listed["jobs"]] == ids
    assert [list(each) for each in listed["jobs"]] == [WAITING] * 3
    assert listed["pagination"] == {"offset": 0, "limit": None, "total": 3, "has_more": False}

    await line.ask("POST", "/interrupt", json={"prompt_id": ids[1]})
    assert (await line.ask("GET", f"/api/jobs/{ids[1]}"))[1]["status"] == "pending"
    await line.ask("POST", "/queue", json={"delete": [ids[1]]})
    assert (await line.ask("GET", f"/api/jobs/{ids[1]}"))[0] == 404
    await line.ask("POST", "/queue", json={"delete": [ids[0]]})
    assert (await line.ask("GET", f"/api/jobs/{ids[0]}"))[1]["status"] == "in_progress"
    await line.ask("POST", "/interrupt", json={"prompt_id": ids[0]})
    job = await line.ended(ids[0])
    assert (job["status"], job["outputs"]) == ("cancelled", {})
    assert job["execution_status"]["messages"][-1][0] == "execution_interrupted"
    await line.ask("POST", "/interrupt", json={"prompt_id": ids[2]})


async def test_after_a_kill_only_files_are_left(server, line):
    done, running, waiting = (str(uuid.uuid4()) for _ in range(3))
    await line.order(graph(prefix=f"dailies/{done}"), prompt_id=done)
    await line.ended(done)
    await line.order(graph(100, color=5, seconds=0.05), prompt_id=running)
    await line.order(graph(100, color=6, seconds=0.05), prompt_id=waiting)
    await server.kill()
    with pytest.raises(aiohttp.ClientConnectorError):
        await line.ask("GET", "/queue")
    await server.revive()
    for name in (done, running, waiting):
        assert await line.ask("GET", f"/api/jobs/{name}") == (404, {"error": "Job not found"})
        assert await line.ask("GET", f"/history/{name}") == (200, {})
    assert (await line.ask("GET", "/queue"))[1] == {"queue_running": [], "queue_pending": []}
    view = "/view?subfolder=dailies&type=output&filename={}_00001_.mp4"
    assert (await line.ask("GET", view.format(done)))[0] == 200
    assert (await line.ask("GET", view.format(running)))[0] == 404
    _, again = await line.order(graph(), prompt_id=running)
    assert again["number"] == 0


async def upload(line, name, content, **fields):
    form = aiohttp.FormData()
    for field, value in fields.items():
        form.add_field(field, value)
    if name is not None:
        form.add_field("image", content, filename=name, content_type="image/png")
    else:
        form.add_field("x", "y")
    return await line.ask("POST", "/upload/image", data=form)


async def test_uploads_get_the_names_they_got(server, line):
    def named(name, subfolder="dailies", type="input"):
        return 200, {"name": name, "subfolder": subfolder, "type": type}

    there = {"subfolder": "dailies", "type": "input"}
    assert await upload(line, "a.png", b"one", **there) == named("a.png")
    assert await upload(line, "a.png", b"one", **there) == named("a.png")
    assert await upload(line, "a.png", b"two", **there) == named("a (1).png")
    assert await upload(line, "a.png", b"two", **there, overwrite="true") == named("a.png")
    assert (await upload(line, "a.png", b"one", subfolder="../../x"))[0] == 400
    climbs = await upload(line, "../../../x.png", b"one")
    assert climbs == named("..%2F..%2F..%2Fx.png", subfolder="")
    assert (await upload(line, "a.png", b"one", type="secret"))[0] == 500
    assert await upload(line, "t.png", b"1", type="temp") == named("t.png", "", "temp")
    assert (await upload(line, None, b""))[0] == 400
    server.vices.upload_limit = 500
    assert (await upload(line, "big.bin", bytes(1000)))[0] == 413
    assert (await line.ask("GET", "/features"))[1]["max_upload_size"] == 500


async def test_an_origin_of_elsewhere_is_sent_away(line):
    assert (await line.ask("GET", "/queue", headers={"Origin": "http://evil.example"}))[0] == 403
    assert (await line.ask("GET", "/queue", headers={"Origin": line.base}))[0] == 200


async def test_a_socket_that_replaced_another_hears_nothing_once_that_closes(line):
    client, first = await line.listen()
    name = str(uuid.uuid4())
    await line.order(graph(100, seconds=0.02), prompt_id=name, client_id=client)
    await asyncio.sleep(0.2)
    _, second = await line.listen(client)
    hello = await frames(second, lambda kind, _: kind == "executing")
    assert [kind for kind, _ in hello] == ["status", "executing"]
    assert "prompt_id" not in hello[1][1], "who comes in the middle is not told which job"
    await frames(second, lambda kind, _: kind == "progress")
    await first.close()
    await asyncio.sleep(0.1)
    await quiet(second, 0.05)
    assert await quiet(second) == [], "and it stays open"
    assert not second.closed
    await line.ask("POST", "/interrupt", json={"prompt_id": name})


async def test_a_job_without_a_client_is_told_to_everybody_in_part(line):
    _, bystander = await line.listen()
    name = str(uuid.uuid4())
    await line.order(graph(2), prompt_id=name)
    await line.ended(name)
    assert set(await quiet(bystander)) == {"status", "progress", "progress_state"}
