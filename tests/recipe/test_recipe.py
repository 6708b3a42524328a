"""A file that says what every command is to do: what it may say, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tma_prep.errors import OptionError
from tma_prep.options import ArrangeOptions, EmbedOptions, RunOptions, TrainCheckOptions
from tma_prep.recipe import Recipe, read_recipe

EMBED = '[embed]\ntrain = "a.jsonl"\ntest = ["b.jsonl", "c.jsonl"]\nout = "w"\n'


def read(folder: Path, text: str, **given: bool) -> Recipe:
    """What a file with this text says."""
    path = folder / "tma.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(RunOptions(file=path, **given))


def test_sections_become_options(tmp_path: Path) -> None:
    """Under the names of the command line; what is not said has its default."""
    more = """
[arrange]
order = ["nft", "rt"]
budget = 30000
tokenizer = "t/tokenizer.json"
shuffle-after = 1
shards = false
[train-check]
control = ["off"]
require-lower = ["nft", "rt"]
"""
    recipe = read(tmp_path, EMBED + more.replace('"nft", "rt"]\nbudget', '"nft"]\nbudget'))
    assert recipe.folder == tmp_path
    assert recipe.embed == EmbedOptions(
        train=["a.jsonl"], test=["b.jsonl", "c.jsonl"], out=Path("w")
    )
    assert recipe.arrange == [
        ArrangeOptions(
            work=Path("w"),
            orders=["nft"],
            budget="30000",
            tokenizer=Path("t/tokenizer.json"),
            shuffle_after=1.0,
            shards=False,
        )
    ]
    assert recipe.train_check == [
        TrainCheckOptions(work=Path("w"), controls=[], require_lower=["nft", "rt"])
    ]


def test_what_is_left_out_does_not_run(tmp_path: Path) -> None:
    """A workspace is that of [embed], else that of [arrange], else the section names it."""
    recipe = read(tmp_path, '[arrange]\nwork = "x"\n[train-check]\n')
    assert recipe.embed is None
    assert [recipe.arrange[0].work, recipe.train_check[0].work] == [Path("x"), Path("x")]
    assert read(tmp_path, '[train-check]\nwork = "y"\n').arrange == []


def test_sections_may_be_several(tmp_path: Path) -> None:
    """Each with options of its own."""
    text = '[[arrange]]\nseed = 1\nname = "a"\n[[arrange]]\nseed = 2\n[[train-check]]\nquick = true'
    recipe = read(tmp_path, EMBED + text)
    assert [(each.seed, each.name) for each in recipe.arrange] == [(1, "a"), (2, None)]
    assert recipe.train_check[0].quick


def test_what_is_given_beside_the_file(tmp_path: Path) -> None:
    """To every command that has the option."""
    recipe = read(tmp_path, f"{EMBED}[arrange]\n", overwrite=True, trust_remote_code=True)
    assert recipe.embed is not None
    assert recipe.embed.overwrite and recipe.embed.trust_remote_code
    assert recipe.arrange[0].overwrite


REFUSED = {
    "no section": ("", "holds no section; there are embed, arrange, train-check"),
    "not TOML": ("[embed\n", r"is not TOML \(.*line 1"),
    "a section near": ("[arange]\n", r"'arange' is no section; did you mean \[arrange\]\?"),
    "a section far": ("[x]\n", "'x' is no section; there are embed, arrange, train-check"),
    "a key outside": ("seed = 1\n", "'seed' stands in no section; there are embed, arr"),
    "a section that is none": ("embed = 1\n", r"embed must be a section, as in \[embed\]"),
    "an empty list": ("arrange = []\n", r"arrange must be a section, as in \[arrange\]"),
    "two embeds": (f"[{EMBED.replace(']', ']]', 1)}[[embed]]\n", r"there is one \[embed\] at most"),
    "a key near": (f"{EMBED}txt = 1\n", r"\[embed\] 'txt' is no option; did you mean text\?"),
    "a key far": (f"{EMBED}qqq = 1\n", r"\[embed\] 'qqq' is no option; see tma-prep embed --help"),
    "a field's name": (
        f"{EMBED}task_column = 't'\n",
        "'task_column' is no option; did you mean task-column?",
    ),
    "dashes": (f"{EMBED}--text = 't'\n", "'--text' is no option; did you mean text?"),
    "not of a file": (f"{EMBED}json = true\n", r"\[embed\] 'json' is no option"),
    "code of a model": (
        f"{EMBED}trust-remote-code = true\n",
        r"\[embed\] trust-remote-code is for whoever runs the file: tma-prep run --trust-remote-",
    ),
    "missing": ('[embed]\ntrain = "x"\nout = "w"\n', r"\[embed\] test is missing"),
    "no workspace": ("[arrange]\n", r"\[arrange\] work is missing; name the workspace, or add"),
    "text for a number": (f'{EMBED}[arrange]\nseed = "1"\n', r"\[arrange\] seed '1': it must be a"),
    "a fraction": (f"{EMBED}[arrange]\nseed = 1.5\n", r"\[arrange\] seed 1.5: it must be a val"),
    "true for a number": (f"{EMBED}[arrange]\nseed = true\n", r"\[arrange\] seed True: it must be"),
    "a number for true": (f"{EMBED}[arrange]\nshards = 1\n", r"\[arrange\] shards 1: it must be a"),
    "a list for text": (f"{EMBED}[arrange]\nname = ['x']\n", r"\[arrange\] name \['x'\]: it must"),
    "a number in a list": (f"{EMBED}[arrange]\norder = ['nft', 1]\n", r"\[arrange\] order 1: it m"),
    "a date": (f"{EMBED}[arrange]\nseed = 2000-01-01\n", r"\[arrange\] seed datetime.date\("),
    "out of range": (
        f"{EMBED}[arrange]\nshuffle-after = 2.0\n",
        r"\[arrange\] shuffle-after 2.0: it must be less",
    ),
    "a choice": (f"{EMBED}text = 'all'\n", r"\[embed\] text 'all': it must be 'both', 'prompt' or"),
    "an order": (f"{EMBED}[arrange]\norder = 'best'\n", r"\[arrange\] --order best is not known"),
    "a combination": (
        f'{EMBED}[arrange]\norder = ["rt"]\nshuffle-after = 0.5\n',
        r"\[arrange\] --shuffle-after shuffles",
    ),
    "a check": (
        f"{EMBED}[train-check]\nsteps = 1\nbudget = 9\n",
        r"\[train-check\] --budget co",
    ),
    "off and more": (
        f"{EMBED}[train-check]\ncontrol = ['off', 'null']\n",
        r"\[train-check\] control \['off', 'null'\]: off goes with no other",
    ),
    "one name twice": (
        f"{EMBED}[[arrange]]\n[[arrange]]\nseed = 1\norder = ['rt', 'nft']\n",
        r"two \[\[arrange\]\] write the order nft; give one of them a name",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(tmp_path: Path, case: str) -> None:
    """The file, the section, the key, and the nearest name."""
    text, message = REFUSED[case]
    with pytest.raises(OptionError, match=rf"tma\.toml: .*{message}") as raised:
        read(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path: Path) -> None:
    """The remedy is init."""
    with pytest.raises(OptionError, match="no such file; write one with tma-prep init"):
        read_recipe(RunOptions(file=tmp_path / "none.toml"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b"a=" + b"[" * 100_000]))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    """Refused in one line."""
    path = tmp_path / "tma.toml"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=r"^[^\n]*tma\.toml: "):
        read_recipe(RunOptions(file=path))
