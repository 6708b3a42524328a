"""From a prompt and a response to the text that is embedded, and its id."""

import hashlib
from typing import Literal

TextPart = Literal["both", "prompt", "response"]


def render(prompt: str, response: str, part: TextPart) -> tuple[str, str]:
    """The text of an instance, in two pieces that make it when joined.

    By default prompt and response joined by one space (arXiv 2406.11721); an empty response gives
    the prompt alone, whichever part is asked for.

    Returns:
        What of the text is prompt, and what is response with the space before it.
    """
    if part == "prompt" or not response:
        return prompt, ""
    if part == "response":
        return "", response
    return prompt, f" {response}"


def text_id(text: str) -> str:
    """BLAKE2b-128 of the UTF-8 text, 32 hex digits: the same text has the same id everywhere."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()
