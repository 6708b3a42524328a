"""Texts of rows on stdout: beginnings, line by line, with nothing that a terminal would obey."""

from typing import TYPE_CHECKING

from tma_prep_cli.console import print_line

if TYPE_CHECKING:
    from tma_prep.explain import Excerpt

_PROMPT_CHARACTERS = 600
_RESPONSE_CHARACTERS = 300


def print_excerpt(title: str, text: "Excerpt") -> None:
    """The prompt, an arrow and the response, below a title."""
    print_line("")
    print_line(title)
    if text.problem is not None:
        print_line(f"  not shown: {text.problem}")
        return
    _print_beginning("", text.prompt, text.prompt_characters, _PROMPT_CHARACTERS)
    _print_beginning("→ ", text.response, text.response_characters, _RESPONSE_CHARACTERS)


def _print_beginning(mark: str, text: str, characters: int, most: int) -> None:
    shown = text[:most]
    more = characters - len(shown)
    lines = shown.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines):
        print_line(f"  {mark if number == 0 else ' ' * len(mark)}{line}")
    if more:
        print_line(f"  … {more:,} characters more")
