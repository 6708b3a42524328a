"""Which layout the rows of a file have, and what of them stays unread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tma_prep.errors import InputError, OptionError
from tma_prep.rows.layouts import LAYOUTS, Layout, fits, is_message_list, layout_of, named_columns

TASK_COLUMNS = ("task", "task_name", "source")
"""Where the task name is looked for, in this order."""

_ROLES = (
    *("prompt", "response", "system", "context", "history"),
    *("messages", "tools", "task", "id"),
)
_INSTRUCTIVE = (
    *("system", "system_prompt", "definition", "instruction", "instructions", "context", "input"),
    *("history", "tools", "functions", "tool_calls", "examples", "choices", "options"),
)
"""Columns that look like part of an instruction."""


@dataclass(frozen=True)
class Found:
    """How the rows of a file are read.

    Attributes:
        name: Of the layout.
        columns: That the user names, or that were found under names of their own.
        notes: What should be known of it, a sentence each.
    """

    name: str
    columns: dict[str, str]
    layout: Layout
    notes: tuple[str, ...]


def columns_option(text: str | None, option: str) -> dict[str, str]:
    """`prompt=question,response=answer` by role.

    Raises:
        OptionError: It is not of this form, or a role is not known.
    """
    found: dict[str, str] = {}
    for piece in (text or "").split(",") if text else []:
        role, _, column = piece.partition("=")
        role, column = role.strip(), column.strip()
        if role not in _ROLES or not column:
            raise OptionError(
                f"{option} {text}: {piece!r} is not ROLE=COLUMN; a role is one of "
                f"{', '.join(_ROLES)}"
            )
        found[role] = column
    if "prompt" in found and "messages" in found:
        raise OptionError(f"{option} {text}: name prompt or messages, not both")
    if "response" in found and "prompt" not in found:
        raise OptionError(f"{option} {text}: a response needs its prompt; name prompt=COLUMN too")
    return found


def format_names() -> list[str]:
    """What `--format` may be."""
    return list(dict.fromkeys(layout.format or layout.name for layout in LAYOUTS.values()))


def known_format(name: str | None, option: str) -> None:
    """Hold the value of `--format` against what there is.

    Raises:
        OptionError: There is no such layout.
    """
    if name is not None and not _named(name):
        raise OptionError(f"{option} {name} is not known; it is one of {', '.join(format_names())}")


def _named(name: str) -> list[Layout]:
    """Layouts that `--format` may mean by a name."""
    exact = LAYOUTS.get("conversations" if name == "sharegpt" else name)
    shared = [layout for layout in LAYOUTS.values() if layout.format == name]
    return [*([exact] if exact else []), *(layout for layout in shared if layout is not exact)]


def recognise(
    values: Mapping[str, Sequence[object]],
    *,
    wanted: str | None,
    columns: Mapping[str, str],
    answered: bool,
    where: str,
) -> Found:
    """The layout that names most of a file's columns; among equals the first of `LAYOUTS`.

    Args:
        values: By column, what the first rows hold that is not null.
        wanted: `--format`, if given.
        columns: `--columns`, if given.
        answered: Whether rows need a response.
        where: The file, for messages.

    Raises:
        InputError: No layout fits, or a column that the user names is not there.
    """
    own = {role: column for role, column in columns.items() if role != "id"}
    missing = [column for column in columns.values() if column not in values]
    if missing and (answered or missing != [columns.get("response")]):
        raise InputError(
            f"{where}: has no column `{missing[0]}` (--columns); it has {_listed(values)}"
        )
    if own.keys() & {"prompt", "messages"}:
        layout = layout_of("columns", own)
        return Found("columns", own, layout, _unread(layout, values))
    candidates = _candidates(values, wanted)
    fitting = [one for one in candidates if fits(one[2], values, answered=answered)]
    if not fitting:
        # Of rows with the right columns it can be told one by one what is wrong.
        fitting = [one for one in candidates if _has_columns(one[2], values, answered=answered)]
    if not fitting:
        raise _no_layout(values, wanted, answered=answered, where=where)
    named = [named_columns(layout, values) for _, _, layout in fitting]
    # Of rows without a response, a layout that has none says more.
    whole = [fits(layout, values, answered=True) for _, _, layout in fitting]
    best = max(range(len(fitting)), key=lambda place: (len(named[place]), whole[place]))
    name, found, chosen = fitting[best]
    if answered and chosen.alone:
        raise InputError(
            f"{where}: rows have `{chosen.columns[0]}` and no response; name its column with "
            "--columns response=COLUMN and prompt=COLUMN, or embed prompts alone (--text prompt)"
        )
    layout = layout_of(name, {**found, **own})
    others = [
        fitting[place][2].name
        for place, columns_named in enumerate(named)
        if not columns_named <= named[best]
    ]
    notes = _unread(layout, values)
    if others and wanted is None:
        told = f"could also be read as {others[0]}; it is read as {_shown(name, found)}"
        notes = (f"{told} (--format names another)", *notes)
    return Found(name, {**found, **own}, layout, notes)


def _candidates(
    values: Mapping[str, Sequence[object]], wanted: str | None
) -> list[tuple[str, dict[str, str], Layout]]:
    """Every layout that may be meant: its name, columns under other names, and itself."""
    layouts = list(LAYOUTS.values()) if wanted is None else _named(wanted)
    found: list[tuple[str, dict[str, str], Layout]] = [(one.name, {}, one) for one in layouts]
    if wanted not in (None, "messages"):
        return found
    for column, held in values.items():
        if column not in LAYOUTS and held and all(map(is_message_list, held)):
            own = {"messages": column}
            found.append(("columns", own, layout_of("columns", own)))
    return found


def _has_columns(layout: Layout, values: Mapping[str, Sequence[object]], *, answered: bool) -> bool:
    return all(name in values for name in layout.needed(answered=answered))


def _unread(layout: Layout, values: Mapping[str, Sequence[object]]) -> tuple[str, ...]:
    """A line on columns that look like part of the instruction and are not read."""
    unread = [
        f"`{column}`"
        for column in _INSTRUCTIVE
        if column not in layout.columns and any(map(_says_something, values.get(column, ())))
    ]
    if not unread:
        return ()
    roles = ", ".join(role for role in _ROLES if role not in ("messages", "task", "id"))
    return (
        f"{', '.join(unread)} {'is' if len(unread) == 1 else 'are'} not read as part of the "
        f"instruction; --columns gives a column a role ({roles})",
    )


def _says_something(value: object) -> bool:
    return value not in ("", [], {})


def _no_layout(
    values: Mapping[str, Sequence[object]], wanted: str | None, *, answered: bool, where: str
) -> InputError:
    if wanted is not None:
        layout = _named(wanted)[0]
        missing = [name for name in layout.needed(answered=answered) if name not in values]
        return InputError(
            f"{where}: has no `{missing[0]}`, which --format {wanted} needs; it has "
            f"{_listed(values)}"
        )
    return InputError(
        f"{where}: columns {_listed(values)} fit no known layout; name them, as in --columns "
        "prompt=question,response=answer"
    )


def _shown(name: str, columns: Mapping[str, str]) -> str:
    return f"messages in `{columns['messages']}`" if "messages" in columns else name


def task_column_of(
    columns: Sequence[str],
    wanted: str | None,
    layout: Layout,
    *,
    optional: bool,
    where: str,
) -> str | None:
    """The column that names the task.

    Args:
        columns: Of the file.
        wanted: The column that the user names, if any.
        layout: Of its rows.
        optional: Whether `wanted` may be absent; there is no task then.
        where: The file, for the message.

    Raises:
        InputError: `wanted` is given and absent, and is not optional.
    """
    if wanted is not None:
        if wanted in columns or optional:
            return wanted if wanted in columns else None
        raise InputError(
            f"{where}: has no column `{wanted}` (--task-column); it has {_listed(columns)}"
        )
    return next((name for name in (layout.task, *TASK_COLUMNS) if name in columns), None)


def _listed(columns: Sequence[str] | Mapping[str, Sequence[object]]) -> str:
    shown = [repr(column) for column in list(columns)[:12]]
    return ", ".join(shown) + (", …" if len(columns) > 12 else "") if shown else "(none)"
