"""What people call each mode."""

from collections.abc import Mapping

from storage import Mode

MODE_WORDS: Mapping[Mode, str] = {
    Mode.TEXT: "clips from text",
    Mode.IMAGE: "clips from an image",
    Mode.AUDIO: "clips from a sound",
    Mode.EXTEND: "extensions",
    Mode.RETAKE: "retakes",
    Mode.HDR: "HDR",
}
