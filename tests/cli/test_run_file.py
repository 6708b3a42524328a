"""`run` and `compare` from the command line, on vectors that the rows have."""

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Run

FILE = """
[embed]
train = "in/train.jsonl"
test = "in/test.jsonl"
out = "out/work"
vectors-column = "v"
[[arrange]]
order = ["nft", "fft"]
[[arrange]]
name = "some"
budget = 5
shards = false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with twelve training rows and three tests beside it."""
    (tmp_path / "a" / "in").mkdir(parents=True)
    for side, count in (("train", 12), ("test", 3)):
        rows = [
            {"prompt": f"{side} {n}", "response": "r", "task": f"t{n % 2}", "v": [1, n / 7, n % 5]}
            for n in range(count)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "a" / "in" / f"{side}.jsonl").write_text(text, encoding="utf-8")
    path = tmp_path / "a" / "tma.toml"
    path.write_text(FILE)
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_paths_are_relative_to_the_file(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its own folder or from another one: the same files, and nothing elsewhere."""
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    first = run("run", "../a/tma.toml", "--json").json
    assert Path.cwd() == tmp_path / "b" and not list(Path.cwd().iterdir())
    assert first["folder"] == "../a"
    assert first["embed"]["workspace"] == "out/work"
    assert [[order["name"] for order in part["orders"]] for part in first["arrange"]] == [
        ["nft", "fft"],
        ["some"],
    ]
    assert first["train_check"] == []
    assert first["seconds"].keys() == {"embed", "arrange"}
    made = files_below(file.parent)
    monkeypatch.chdir(file.parent)
    again = run("run", "--json").json
    assert again["folder"] == "." and again["embed"]["train"]["kept"]
    assert all(order["kept"] for part in again["arrange"] for order in part["orders"])
    assert files_below(file.parent) == made


def test_what_a_person_sees(run: Run, file: Path) -> None:
    """The tables of the commands as they end, and where the results are from here."""
    result = run("run", file)
    assert result.code == 0
    assert result.out.startswith(f"Paths are relative to {file.parent}\n")
    assert "Embeddings in out/work/embeddings" in result.out
    assert result.out.rstrip().endswith(f"{file.parent}/out/work/shards/fft")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_leaks_are_warned_of(run: Run, file: Path, options: list[str]) -> None:
    """As arrange does by itself, on stderr."""
    train = file.parent / "in" / "train.jsonl"
    test = (file.parent / "in" / "test.jsonl").read_text(encoding="utf-8")
    train.write_text(train.read_text(encoding="utf-8") + test, encoding="utf-8")
    result = run("run", file, *options)
    assert result.code == 0
    warning = "hold one of 3 of 3 test rows"
    assert warning in result.err and "--leakage exclude" in result.err


def test_everything_is_checked_before_the_first_row(run: Run, file: Path) -> None:
    """A mistake at the end of the file does not come out after hours of embedding."""
    file.write_text(f"{FILE}[train-check]\nstep = 3\n")
    result = run("run", file)
    assert result.code == 2
    assert result.error == f"{file}: [train-check] 'step' is no option; did you mean steps?"
    assert not (file.parent / "out").exists()


def test_a_changed_file_is_refused_unless_overwrite(run: Run, file: Path) -> None:
    """By the command whose options changed, with what differs."""
    assert run("run", file).code == 0
    file.write_text(FILE.replace("budget = 5", "budget = 6"))
    result = run("run", file, "--json")
    assert result.code == 1
    assert "budget was 5, now 6" in result.err.splitlines()[-1]
    again = run("run", file, "--overwrite", "--json").json
    kept = [order["kept"] for part in again["arrange"] for order in part["orders"]]
    assert kept == [True, True, False]


def test_a_file_read_off_a_workspace(run: Run, file: Path) -> None:
    """Run where the workspace is, it finds everything there."""
    assert run("run", file).code == 0
    work, again = file.parent / "out" / "work", file.parent / "again.toml"
    found = run("init", again, "--from", work, "--json").json
    assert found == {"file": str(again), "workspace": str(work)}
    assert 'out = "out/work"' in again.read_text()
    result = run("run", again, "--json").json
    assert result["embed"]["train"]["kept"]
    assert all(order["kept"] for part in result["arrange"] for order in part["orders"])
    missing = run("init", file.parent / "x.toml", "--from", file.parent)
    assert missing.code == 1 and "is not a workspace" in missing.error
    assert not (file.parent / "x.toml").exists()
    for path in (file.parent / "none" / "x.toml", file / "x.toml"):
        assert run("init", path).code == 1


def test_compare(run: Run, file: Path) -> None:
    """Every order of one name; in words and as JSON."""
    assert run("run", file).code == 0
    work, other = file.parent / "out" / "work", file.parent / "out" / "other"
    text = FILE.replace("out/work", "out/other").replace('"fft"', '"rt"')
    file.write_text(text.replace("budget = 5", 'budget = 5\nselect = "farthest"'))
    assert run("run", file).code == 0
    found = run("compare", work, other, "--json").json
    assert [order["name"] for order in found["orders"]] == ["nft", "some"]
    assert found["matched_by"] == "tma_row" and found["same_tests"] and not found["different"]
    nft, some = found["orders"]
    assert nft["comparison"]["kendall_tau"] == pytest.approx(1) and not nft["different"]
    assert some["different"] == {"select": ["nearest", "farthest"]}
    told = run("compare", work, other, "--name", "some")
    assert (told.code, told.err) == (0, "")
    assert "some arranged with select nearest against farthest" in told.out
    result = run("compare", work, other, "--name", "rt")
    assert (
        result.code == 1 and result.error == f"{work}: holds no order rt; there are fft, nft, some"
    )
    result = run("compare", work, file.parent)
    assert result.code == 1 and "is not a workspace" in result.error
