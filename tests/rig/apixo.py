"""The examples of apixo's document, word for word, and a line to its imitation."""

import pytest

from bot.errors import Failure
from bot.providers import apixo
from playground.providers.apixo import ApixoServer
from storage import Brief, Lora, Mode
from tests.rig.provider_rig import IMAGE, line

# The document's own examples, word for word: the requests,
TEXT = """{
"request_type": "async",
"input": {
"mode": "text-to-video",
"prompt": "a futuristic city with flying cars at sunset",
"resolution": "1080p",
"duration": 10,
"aspect_ratio": "16:9",
"seed": 54248617
}
}"""
IMAGE_LORA = """{
"request_type": "callback",
"callback_url": "https://your-server.com/callback",
"provider": "official",
"input": {
"mode": "image-to-video-LoRA",
"prompt": "make it cinematic with slow pan and dramatic lighting",
"resolution": "720p",
"duration": 8,
"image_urls": ["https://example.com/ref.jpg"],
"loras": [
{
"path": "https://huggingface.co/username/model.safetensors?download=true",
"scale": 1.2
}
]
}
}"""
TEXT_LORAS = """{
"request_type": "async",
"input": {
"mode": "text-to-video-LoRA",
"prompt": "anime style magical girl transformation sequence",
"resolution": "720p",
"duration": 12,
"aspect_ratio": "9:16",
"loras": [
{"path": "https://huggingface.co/user1/anime_style.safetensors?download=true", "scale": 1.5},
{"path": "https://huggingface.co/user2/magic_effects.safetensors?download=true", "scale": 0.8}
]
}
}"""
# and the replies.
SUBMITTED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678"
}
}"""
NO_CREDITS = """{
"code" : 400 ,
"message" : "Insufficient credits" ,
"data" : null
}"""
SUCCEEDED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678" ,
"state" : "success" ,
"resultJson" : "{ \\" resultUrls \\" :[ \\" https://r2.apixo.ai/video.mp4 \\" ]}" ,
"createTime" : 1767965610929 ,
"completeTime" : 1767965652317 ,
"costTime" : 41388
}
}"""
FAILED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678" ,
"state" : "failed" ,
"failCode" : "CONTENT_VIOLATION" ,
"failMsg" : "Content does not meet safety guidelines"
}
}"""
PROCESSING = """{"code":200,"message":"success","data":
{"taskId":"task_12345678","state":"processing","createTime":1767965610929}}"""

CITY = Brief(
    prompt="a futuristic city with flying cars at sunset",
    resolution="1080p",
    duration=10,
    aspect="16:9",
    seed=54248617,
)
CINEMATIC = Brief(
    mode=Mode.IMAGE,
    prompt="make it cinematic with slow pan and dramatic lighting",
    resolution="720p",
    duration=8,
    image=IMAGE,
    routing="official",
    loras=(
        Lora(path="https://huggingface.co/username/model.safetensors?download=true", scale=1.2),
    ),
)
MAGIC = Brief(
    prompt="anime style magical girl transformation sequence",
    resolution="720p",
    duration=12,
    aspect="9:16",
    loras=(
        Lora(path="https://huggingface.co/user1/anime_style.safetensors?download=true", scale=1.5),
        Lora(
            path="https://huggingface.co/user2/magic_effects.safetensors?download=true", scale=0.8
        ),
    ),
)


@pytest.fixture
async def there(tmp_path):
    async with line(apixo, ApixoServer, tmp_path, "APIXO") as both:
        yield both


def envelope(code, data=None, message="said so"):
    return {"code": code, "message": message, "data": data}


FAIL_CODES = [  # the model's document has the first three, the general list the others
    ("CONTENT_VIOLATION", Failure.CONTENT, False),
    ("INVALID_IMAGE_URL", Failure.INPUT, False),
    ("INVALID_LORA_URL", Failure.INPUT, False),
    ("NSFW_DETECTED", Failure.CONTENT, False),
    ("PROMPT_TOO_LONG", Failure.REFUSED, False),
    ("INVALID_PROMPT", Failure.REFUSED, False),
    ("IMAGE_TOO_LARGE", Failure.INPUT, False),
    ("UNSUPPORTED_FORMAT", Failure.INPUT, False),
    ("IMAGE_DOWNLOAD_FAILED", Failure.INPUT, False),
    ("PROCESSING_TIMEOUT", Failure.TIMEOUT, True),
    ("MODEL_UNAVAILABLE", Failure.DOWN, True),
    ("GENERATION_FAILED", Failure.DOWN, True),
    ("INSUFFICIENT_CREDITS", Failure.CREDIT, False),
]
