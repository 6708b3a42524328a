"""A recipe as TOML: what Python's `tomllib` reads, it does not write."""

import json
from collections.abc import Iterable, Mapping

from tma_prep.errors import InputError
from tma_prep_schemas.manifests import Option

_WIDTH = 98


def toml_value(value: Option) -> str:
    """A value as TOML has it, in one line.

    Args:
        value: Anything but None, for which TOML has no word.

    Raises:
        InputError: It is a text that is not UTF-8, as the name of a file may be.
    """
    if isinstance(value, list):
        return f"[{', '.join(toml_value(each) for each in value)}]"
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(f"{value!r}: is not UTF-8, and cannot stand in a TOML file") from error
        # JSON's escapes are TOML's, but for those of surrogates, and DEL must be escaped, too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def comment(text: str) -> str:
    """One line of comment; what is no plain letter in it is shown as Python does."""
    plain = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return f"# {plain}".rstrip()


def section_text(header: str, values: Mapping[str, Option], comments: Iterable[str] = ()) -> str:
    """A section: comments, its header, a key a line; a long list has a line for each."""
    lines = [*map(comment, comments), header]
    for key, value in values.items():
        if value is None:
            continue
        line = f"{key} = {toml_value(value)}"
        if isinstance(value, list) and len(line) > _WIDTH:
            lines += [f"{key} = [", *(f"    {toml_value(each)}," for each in value), "]"]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
