"""`dailies workflows`: what it finds in an export, what it does not, and what servers lack."""

import json
import tomllib

import pytest

from bot.providers._comfyui.graph import BadWorkflow, Graph
from bot.providers._comfyui.guess import guessed
from bot.providers._comfyui.importing import imported
from bot.providers._comfyui.workflow import loaded_from
from playground.providers.simulated import WORKFLOWS
from tests.app.test_cli import dailies
from tests.rig.gpus import WEIGHTLESS, environ_of, gpus, small_workflows


def node(class_type, title=None, **inputs):
    meta = {"_meta": {"title": title}} if title else {}
    return {"class_type": class_type, "inputs": inputs, **meta}


def two_passes(**changes):
    """A graph as templates are built: halves computed, an enhancer, switches, two samplers."""
    return {
        "9": node("SaveVideo", video=["s:20", 0], filename_prefix="v", format="auto", codec="auto"),
        "5": node("LoadImage", "First", image="a.png"),
        "s:1": node("UNETLoader", unet_name="x.safetensors", weight_dtype="default"),
        "s:2": node("PrimitiveStringMultiline", "Prompt", value="words"),
        "s:3": node("TextGenerateLTX2Prompt", prompt=["s:2", 0], clip=["s:1", 1]),
        "s:4": node("ComfySwitchNode", switch=["s:5", 0], on_false=["s:2", 0], on_true=["s:3", 0]),
        "s:5": node("PrimitiveBoolean", "Boolean (Enable Prompt Enhance)", value=True),
        "s:6": node("CLIPTextEncode", text=["s:4", 0], clip=["s:1", 1]),
        "s:7": node("CLIPTextEncode", text="ugly", clip=["s:1", 1]),
        "s:8": node("PrimitiveInt", "Width", value=["s:30", 0]),
        "s:9": node("PrimitiveInt", "Height", value=["s:30", 1]),
        "s:30": node("ResolutionSelector", aspect_ratio="16:9", megapixels=0.9),
        "s:10": node("ComfyMathExpression", **{"expression": "a/2", "values.a": ["s:8", 0]}),
        "s:11": node("ComfyMathExpression", **{"expression": "a/2", "values.a": ["s:9", 0]}),
        "s:12": node("PrimitiveInt", "Duration", value=6),
        "s:13": node("PrimitiveInt", "Frame Rate", value=25),
        "s:14": node(
            "ComfyMathExpression",
            **{"expression": "a * b + 1", "values.a": ["s:12", 0], "values.b": ["s:13", 0]},
        ),
        "s:15": node(
            "EmptyLTXVLatentVideo",
            width=["s:10", 1],
            height=["s:11", 1],
            length=["s:14", 1],
            batch_size=1,
        ),
        "s:16": node(
            "LTXVConditioning", positive=["s:6", 0], negative=["s:7", 0], frame_rate=["s:17", 0]
        ),
        "s:17": node("ComfyMathExpression", **{"expression": "a", "values.a": ["s:13", 0]}),
        "s:18": node("RandomNoise", noise_seed=1),
        "s:19": node("RandomNoise", noise_seed=42),
        "s:21": node("PrimitiveBoolean", "Switch to Text to Video?", value=False),
        "s:22": node(
            "LTXVImgToVideoInplace", image=["5", 0], latent=["s:15", 0], bypass=["s:21", 0]
        ),
        "s:23": node(
            "SamplerCustomAdvanced", noise=["s:18", 0], guider=["s:24", 0], latent_image=["s:22", 0]
        ),
        "s:24": node("CFGGuider", model=["s:1", 0], positive=["s:16", 0], negative=["s:16", 1]),
        "s:25": node("LTXVLatentUpsampler", samples=["s:23", 0]),
        "s:26": node(
            "SamplerCustomAdvanced", noise=["s:19", 0], guider=["s:24", 0], latent_image=["s:25", 0]
        ),
        "s:27": node("VAEDecodeTiled", samples=["s:26", 0], vae=["s:1", 2]),
        "s:20": node("CreateVideo", images=["s:27", 0], fps=["s:17", 0]),
        **changes,
    }


def test_everything_is_found_through_subgraphs_switches_and_sums():
    guess = guessed(Graph(two_passes()))
    assert guess.output == "9"
    assert guess.inputs == {
        "prompt": [("s:2", "value")],
        "negative": [("s:7", "text")],
        "seed": [("s:18", "noise_seed"), ("s:19", "noise_seed")],
        "fps": [("s:13", "value")],
        "width": [("s:8", "value")],
        "height": [("s:9", "value")],
        "seconds": [("s:12", "value")],
        "image": [("5", "image")],
    }
    assert guess.modes == ["text", "image"], "it has a switch for going without the image"
    assert guess.absent == {"image": {"s:21.value": True}}
    assert guess.fixed == {"s:5.value": False}, "people's words stay as they wrote them"
    assert (guess.fps, guess.seconds, guess.sizes) == (25, 6, ["1280x704", "704x1280"])
    assert guess.loras_after == ("s:1", "0")
    assert guess.unsure == []


def test_an_enhancer_that_nothing_goes_around_stays_on():
    switch = node("ComfySwitchNode", switch=["s:5", 0], on_true=["s:3", 0])
    guess = guessed(Graph(two_passes(**{"s:4": switch})))
    assert guess.fixed == {}
    assert any("changes people's words" in each for each in guess.unsure)


def test_numbers_that_stand_in_the_nodes_themselves_are_found():
    plain = two_passes(
        **{
            "s:15": node("EmptyLTXVLatentVideo", width=768, height=768, length=97, batch_size=1),
            "s:16": node(
                "LTXVConditioning", positive=["s:6", 0], negative=["s:6", 0], frame_rate=24
            ),
            "s:20": node("CreateVideo", images=["s:27", 0], fps=24.0),
        }
    )
    guess = guessed(Graph(plain))
    assert guess.inputs["frames"] == [("s:15", "length")]
    assert guess.inputs["fps"] == [("s:20", "fps"), ("s:16", "frame_rate")]
    assert "negative" not in guess.inputs, "it is the prompt itself"
    assert (guess.sizes, guess.seconds) == (["768x768"], 4)


def test_sizes_are_found_through_the_pictures_that_they_come_from():
    through = two_passes(
        **{
            "s:15": node(
                "EmptyLTXVLatentVideo",
                width=["s:40", 0],
                height=["s:40", 1],
                length=["s:14", 1],
                batch_size=1,
            ),
            "s:40": node("GetImageSize", image=["s:41", 0]),
            "s:41": node("ImageScaleBy", image=["s:42", 0], scale_by=0.5),
            "s:42": node(
                "ResizeImageMaskNode",
                input=["5", 0],
                **{"resize_type.width": 1280, "resize_type.height": 720},
            ),
        }
    )
    assert guessed(Graph(through)).inputs["width"] == [("s:42", "resize_type.width")]
    through["s:40"]["inputs"]["image"] = ["5", 0]
    guess = guessed(Graph(through))
    assert "width" not in guess.inputs
    assert any("No size was found" in each for each in guess.unsure)


def test_first_and_last_frames_are_told_apart_by_where_they_lead():
    found = guessed(Graph(json.loads((WORKFLOWS / "ltx-frames.json").read_text())))
    assert found.inputs["image"] == [("20", "image")]
    assert found.inputs["last_image"] == [("21", "image")]
    assert found.absent == {"last_image": {"23.strength": 0.0}}, "a blank must not be seen"
    assert guessed(Graph(json.loads((WORKFLOWS / "ltx-sound.json").read_text()))).modes == ["audio"]


def steered(**changes):
    """A graph as those of control videos: a clip steers, a picture is the first frame."""
    return two_passes(
        **{
            "60": node("LoadVideo", "Moves", file="moves.mp4"),
            "62": node("GetVideoComponents", video=["60", 0]),
            "63": node("ImageFromBatch", image=["62", 0], length=["64", 0], batch_index=0),
            "64": node("PrimitiveInt", "Frame Count", value=97),
            "65": node("ImageScaleBy", image=["66", 0], scale_by=0.5),
            "66": node(
                "ResizeImageMaskNode",
                input=["63", 0],
                **{"resize_type.width": ["s:8", 0], "resize_type.height": ["s:9", 0]},
            ),
            "67": node("VAEEncode", pixels=["65", 0], vae=["s:1", 2]),
            "68": node("SamplerCustomAdvanced", latent_image=["67", 0]),
            "69": node("VAEDecode", samples=["68", 0], vae=["s:1", 2]),
            "70": node("GetImageSize", image=["69", 0]),
            "s:15": node(
                "EmptyLTXVLatentVideo", width=["70", 0], height=["70", 1], length=["70", 2]
            ),
            "s:71": node("LTXVAddGuide", image=["69", 0], latent=["s:22", 0], frame_idx=0),
            "s:23": node("SamplerCustomAdvanced", noise=["s:18", 0], latent_image=["s:71", 2]),
            **changes,
        }
    )


def test_a_clip_that_steers_is_no_retake_and_its_size_and_length_are_found_through_it():
    guess = guessed(Graph(steered()))
    assert guess.modes == ["text", "image"], "another clip comes out: it is not the one given"
    assert "video" not in guess.inputs
    assert guess.inputs["width"] == [("s:8", "value")]
    assert guess.inputs["frames"] == [("64", "value")]
    assert (guess.sizes, guess.seconds) == (["1280x704", "704x1280"], 4)
    stays, how = guess.unsure
    assert stays == (
        "Moves (60) loads a clip that steers what is made. Dailies has no option for it: put the "
        "file into the input folder of each server as moves.mp4."
    )
    assert 'mode = "retake" and inputs.video = "60.file"' in how


def test_a_clip_of_which_a_part_is_made_anew_is_retaken():
    mask = node("LTXVSetAudioVideoMaskByTime", av_latent=["s:22", 0], start_time=1.0, end_time=2.0)
    guess = guessed(Graph(steered(**{"s:71": mask})))
    assert guess.modes == ["retake"]
    assert guess.inputs["video"] == [("60", "file")]
    assert guess.inputs["start"] == [("s:71", "start_time")]
    assert guess.inputs["end"] == [("s:71", "end_time")]
    assert guess.unsure == []


def test_a_clip_that_is_made_longer_is_extended(tmp_path):
    longer = node("LTXVExtendSampler", latents=["67", 0], num_new_frames=80, frame_overlap=16)
    graph = steered(
        **{
            "s:71": longer,
            "s:20": node("CreateVideo", images=["s:27", 0], fps=["62", 2]),
            "s:16": node(
                "LTXVConditioning", positive=["s:6", 0], negative=["s:7", 0], frame_rate=["62", 2]
            ),
        }
    )
    guess = guessed(Graph(graph))
    assert guess.modes == ["extend"]
    assert guess.inputs["frames"] == [("s:71", "num_new_frames")]
    (tmp_path / "longer.json").write_text(json.dumps(graph))
    imported(tmp_path / "longer.json", tmp_path / "w")
    found, wrong = loaded_from(tmp_path / "w", usd_per_second=0)
    assert wrong == {}
    assert [str(each.mode) for each in found["longer"].model.capabilities] == ["extend"]


def test_a_switch_that_lets_something_else_through_does_not_make_a_picture_optional():
    reference = two_passes(
        **{
            "s:22": node(
                "LTXVImgToVideoInplace", image=["80", 0], latent=["s:15", 0], bypass=["s:21", 0]
            ),
            "80": node("EmptyImage", width=64, height=64, batch_size=1, color=0),
            "81": node("RepeatImageBatch", image=["5", 0], amount=97),
            "82": node(
                "LTXVAddGuide",
                image=["81", 0],
                latent=["s:22", 0],
                frame_idx=0,
                iclora_parameters=["83", 0],
            ),
            "83": node("GetICLoRAParameters", iclora_model=["s:1", 0]),
            "s:23": node("SamplerCustomAdvanced", noise=["s:18", 0], latent_image=["82", 2]),
        }
    )
    guess = guessed(Graph(reference))
    assert (guess.modes, guess.absent) == (["image"], {})
    assert guess.why["image"] == "First (5): a reference, it seems"


def test_seconds_times_a_rate_without_one_more_frame_are_set_as_frames():
    """The model makes 8k+1: of 120 frames it would make 113, and the card says 121."""
    graph = two_passes(
        **{
            "s:14": node(
                "ComfyMathExpression",
                **{"expression": "a * b", "values.a": ["s:12", 0], "values.b": ["s:13", 0]},
            ),
            "s:40": node("LTXVEmptyLatentAudio", frames_number=["s:14", 1], batch_size=1),
            "s:41": node("LTXVConcatAVLatent", video_latent=["s:22", 0], audio_latent=["s:40", 0]),
            "s:23": node("SamplerCustomAdvanced", noise=["s:18", 0], latent_image=["s:41", 0]),
        }
    )
    guess = guessed(Graph(graph))
    assert guess.inputs["frames"] == [("s:15", "length"), ("s:40", "frames_number")]
    assert guess.seconds == 6


def test_a_voice_stays_where_it_is():
    voice = two_passes(
        **{
            "61": node("LoadAudio", "Voice", audio="v.mp3"),
            "s:50": node("LTXVReferenceAudio", audio=["61", 0], model=["s:1", 0]),
            "s:24": node(
                "CFGGuider", model=["s:50", 0], positive=["s:16", 0], negative=["s:16", 1]
            ),
        }
    )
    guess = guessed(Graph(voice))
    assert "audio" not in guess.inputs
    assert any("Voice (61) loads a voice" in each for each in guess.unsure)
    assert any(each.endswith("as v.mp3.") for each in guess.unsure)


def test_what_saves_nothing_says_what_to_do():
    lonely = two_passes(**{"9": node("SaveVideo", filename_prefix="v", format="auto")})
    guess = guessed(Graph(lonely))
    assert "Nothing is linked to SaveVideo (9)" in guess.unsure[0]
    assert guess.inputs["prompt"] == [("s:2", "value")], "the rest is found all the same"


def test_a_graph_that_saves_no_clip_is_refused():
    with pytest.raises(BadWorkflow, match="none of its nodes saves a clip"):
        guessed(Graph({"1": node("EmptyImage", width=1)}))


def test_what_is_imported_can_be_used_and_says_what_was_guessed(tmp_path):
    file = tmp_path / "My LTX (new).json"
    file.write_text(json.dumps(two_passes()))
    done = imported(file, tmp_path / "w")
    assert done.name == "My-LTX-new"
    found, wrong = loaded_from(tmp_path / "w", usd_per_second=0)
    assert (list(found), wrong) == (["My-LTX-new"], {})
    manifest = (tmp_path / "w" / "My-LTX-new.toml").read_text()
    told = tomllib.loads(manifest)
    assert told["inputs"]["seed"] == ["s:18.noise_seed", "s:19.noise_seed"]
    for line in manifest.splitlines():
        if line and line[0] != "#" and not line.startswith(("title", "[inputs]", "[fixed]")):
            assert "  # " in line, "each guess says where it is from"
    with pytest.raises(BadWorkflow, match="already exists"):
        imported(file, tmp_path / "w")
    imported(file, tmp_path / "w", force=True)


def test_what_has_no_prompt_that_is_found_is_written_down_to_be_completed(tmp_path):
    odd = two_passes(
        **{
            "s:6": node("CLIPTextEncode", text=["90", 0], clip=["s:1", 1]),
            "90": node("WordsOfSomePack", words="a fox"),
            "s:22": node("LTXVImgToVideoInplace", image=["91", 0], latent=["s:15", 0]),
            "91": node("EmptyImage", width=64, height=64),
        }
    )
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    done = imported(tmp_path / "odd.json", tmp_path / "w")
    assert "No prompt was found: name its node and input as inputs.prompt." in done.unsure
    _, wrong = loaded_from(tmp_path / "w", usd_per_second=0)
    assert wrong == {"odd": "the mode text needs inputs.prompt"}
    manifest = tmp_path / "w" / "odd.toml"
    manifest.write_text(manifest.read_text().replace("[inputs]", '[inputs]\nprompt = "90.words"'))
    assert loaded_from(tmp_path / "w", usd_per_second=0)[1] == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "it is not JSON"),
        (None, "can't be read"),
        (json.dumps({"1": node("EmptyImage")}), "none of its nodes saves a clip"),
    ],
)
def test_a_file_that_is_no_workflow_leaves_nothing_behind(tmp_path, text, why):
    file = tmp_path / "x.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadWorkflow, match=why):
        imported(file, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_file_of_the_editor_is_one_sentence_that_says_how_to_export_it(tmp_path):
    (tmp_path / "x.json").write_text('{"nodes": [], "links": []}')
    done = dailies("workflows", "import", "x.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("x.json was not imported: it is saved for ComfyUI's editor.")
    assert "Export (API)" in done.stderr


async def test_the_servers_are_asked_what_they_lack(media, tmp_path):
    import asyncio

    async with gpus(media, tmp_path / "gpus") as servers:
        servers["gpu2"].models["checkpoints"].clear()
        folder = small_workflows(tmp_path / "w", also={"bare.json": WEIGHTLESS})
        environ = environ_of(servers, folder)
        done = await asyncio.to_thread(dailies, "workflows", "check", cwd=tmp_path, **environ)
        assert done.returncode == 1, done.stderr
        assert "✓ ComfyUI gpu1, ltx-text: can be made there" in done.stdout
        assert "✗ ComfyUI gpu2, ltx-text: lacks the file ltx-imitated.safetensors" in done.stdout
        assert "it has no bare.toml" in done.stdout


def test_without_servers_it_says_so(tmp_path):
    done = dailies("workflows", "check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "COMFYUI_URLS is not set: say where your servers are.\n",
    )
