"""The leakage guard: what it finds, what it leaves out, and when it looks again."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.integration.check_workspace import tma_prep
from tests.leakage.made_leaks import (
    Pair,
    Side,
    arranged,
    embedded,
    made_sides,
    pairs_by_definition,
)
from tma_prep.checks.stage import target_role_of
from tma_prep.errors import ArtifactError, OptionError, VerdictError
from tma_prep.leakage import stage as guard
from tma_prep.leakage.pairs import LEAK_KINDS, MOST_TESTS
from tma_prep.leakage.stage import TEXT_START
from tma_prep.options import ArrangeOptions, VerifyOptions
from tma_prep.verify.stage import verify
from tma_prep_schemas import LeakageManifest, OrderManifest, ShardsManifest


def _table(work: Path) -> pl.DataFrame:
    return pl.read_parquet(work / "leakage" / "leakage.parquet")


def _manifest(work: Path) -> LeakageManifest:
    return LeakageManifest.model_validate_json((work / "leakage" / "manifest.json").read_bytes())


def _pairs(work: Path) -> dict[Pair, tuple[str, float]]:
    return {
        (row, test): (kind, score)
        for test, row, kind, score in _table(work).select(pl.nth(range(4))).iter_rows()
    }


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    """The same pool and tests for those who only look."""
    return made_sides(1)


@pytest.fixture(scope="module")
def warned(sides: tuple[Side, Side], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace arranged by default; nobody writes in it."""
    work = embedded(tmp_path_factory.mktemp("warned"), *sides)
    arranged(work)
    return work


@pytest.fixture
def work(sides: tuple[Side, Side], tmp_path: Path) -> Path:
    """A workspace that is not arranged yet."""
    return embedded(tmp_path, *sides)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rule", "threshold"), [("half", 0.98), ("any", 0.9)])
def test_every_pair_is_found_by_definition(
    tmp_path: Path, seed: int, rule: str, threshold: float
) -> None:
    """All four kinds, with Unicode in the texts, equal tests and a test without a word."""
    train, test = made_sides(seed)
    work = embedded(tmp_path, train, test)
    result = arranged(work, leak_ngrams=rule, leak_similarity=threshold, shards=False)
    expected = pairs_by_definition(train, test, rule, threshold)
    assert {kind for kind, _ in expected.values()} == set(LEAK_KINDS)
    assert max(np.bincount([row for row, _ in expected])) <= MOST_TESTS
    found = _pairs(work)
    assert {pair: kind for pair, (kind, _) in found.items()} == {
        pair: kind for pair, (kind, _) in expected.items()
    }
    for pair, (kind, score) in found.items():
        exact = kind == "similarity"
        assert score == (expected[pair][1] if exact else pytest.approx(expected[pair][1]))
    table = _table(work)
    assert table["tma_row"].is_sorted()
    for column, side, number in (
        ("test_text", test, "test_row"),
        ("train_text", train, "tma_row"),
    ):
        wanted = [" ".join(side.rows[row])[:TEXT_START] for row in table[number]]
        assert table[column].to_list() == wanted
    strongest: dict[int, int] = {}
    for (row, _), (kind, _) in expected.items():
        strongest[row] = min(strongest.get(row, 9), LEAK_KINDS.index(kind))
    assert result.leakage is not None
    counts = result.leakage.counts
    by_kind = [counts.equal, counts.normalised, counts.ngram, counts.similarity]
    assert by_kind == [list(strongest.values()).count(place) for place in range(4)]
    assert counts.tests == len({test_row for _, test_row in expected})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ranking": "wsd"},
        {"granularity": "kmeans:4"},
        {"select": "both-ends", "budget": "30", "orders": ["rt"]},
    ],
    ids=str,
)
def test_exclude_is_arranging_a_pool_without_those_rows(
    tmp_path: Path, sides: tuple[Side, Side], given: dict[str, object]
) -> None:
    """The same rows in the same sequence, with the same rounds, similarities and targets."""
    train, test = sides
    leaking = sorted({row for row, _ in pairs_by_definition(train, test)})
    work = embedded(tmp_path / "whole", train, test)
    result = arranged(work, leakage="exclude", name="x", **given)
    clean = embedded(tmp_path / "clean", train.without(leaking), test)
    arranged(clean, leakage="off", name="x", **given)
    kept = np.setdiff1d(np.arange(len(train.rows)), leaking)
    ours, theirs = (
        pl.read_parquet(folder / "shards" / "x" / "*.parquet") for folder in (work, clean)
    )
    assert ours["tma_row"].to_list() == kept[theirs["tma_row"]].tolist()
    assert ours.drop("tma_row").equals(theirs.drop("tma_row"))
    assert result.train_rows == len(kept)
    assert verify(VerifyOptions(work=str(work))).proven


def test_a_budget_counts_what_is_left(work: Path, sides: tuple[Side, Side]) -> None:
    """One above it is refused with the numbers."""
    left = len(sides[0].rows) - len({row for row, _ in pairs_by_definition(*sides)})
    message = rf"{left} of {len(sides[0].rows)} rows are left .* ask for {left} or fewer"
    with pytest.raises(OptionError, match=message):
        arranged(work, leakage="exclude", budget=str(left + 1))
    assert arranged(work, leakage="exclude", budget=str(left)).orders[0].rows == left


def test_a_pool_of_tests_alone_cannot_be_cleaned(tmp_path: Path, sides: tuple[Side, Side]) -> None:
    """One line says so."""
    work = embedded(tmp_path, sides[1], sides[1])
    with pytest.raises(OptionError, match="leaves no row"):
        arranged(work, leakage="exclude")


def test_fail_ends_with_3_and_no_order(work: Path) -> None:
    """The answer is written, nothing is ordered; a clean pool goes through."""
    done = tma_prep("arrange", work, "--leakage", "fail")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 2 and "leakage.parquet" in done.stderr
    assert _manifest(work).counts.rows
    assert not (work / "shards").exists() and not (work / "orders").exists()
    with pytest.raises(VerdictError, match="training rows"):
        arranged(work, leakage="fail")


def test_it_warns_loudly(warned: Path) -> None:
    """On stderr and in the table, also when everything was there already."""
    rows = _manifest(warned).counts.rows
    done = tma_prep("arrange", warned)
    assert done.returncode == 0
    assert f"warning: {rows} of 120 training rows" in done.stderr
    assert "hold a test row" in done.stdout and "by similarity alone" in done.stdout


def test_a_pool_without_leaks_is_told_of_in_a_line(tmp_path: Path) -> None:
    """Nothing is listed, nothing is warned of, and `exclude` and `fail` have nothing to do."""
    vectors = np.eye(4, 8, dtype=np.float32)
    train = Side([(f"row {n}", "") for n in range(4)], vectors)
    work = embedded(
        tmp_path, train, Side([("a test", "of its own")], np.eye(1, 8, 6, dtype=np.float32))
    )
    for mode in ("fail", "exclude"):
        leakage = arranged(work, leakage=mode, name=mode).leakage
        assert leakage is not None
        assert (leakage.rows, leakage.text) == (0, "none of 4 training rows holds a test row")
    assert not len(_table(work))


def test_off_does_not_look(work: Path) -> None:
    """Nor does it say anything."""
    result = arranged(work, leakage="off")
    assert result.leakage is None and not (work / "leakage" / "leakage.parquet").exists()
    manifest = OrderManifest.model_validate_json((work / "orders/nft/manifest.json").read_bytes())
    assert manifest.leakage is None and manifest.config["leakage"] == "off"


def test_manifests_tell_what_was_found_and_the_role(work: Path) -> None:
    """Of the order and of the shards, whether rows were left out or not."""
    for name, mode in (("a", "warn"), ("b", "exclude")):
        arranged(work, leakage=mode, name=name, target_role="validation")
        for model, path in (
            (OrderManifest, work / "orders" / name / "manifest.json"),
            (ShardsManifest, work / "shards" / name / "manifest.json"),
        ):
            found = model.model_validate_json(path.read_bytes())
            assert found.leakage == _manifest(work).counts
            assert found.config["leakage"] == mode
            assert found.config["target_role"] == "validation"


def test_a_check_takes_the_role_that_allows_fewer_claims(work: Path) -> None:
    """`validation` only if every order says so."""
    manifests = {}
    for name, role in (("a", "validation"), ("b", "validation"), ("c", "test")):
        arranged(work, name=name, target_role=role)
        text = (work / "shards" / name / "manifest.json").read_bytes()
        manifests[name] = ShardsManifest.model_validate_json(text)
    both = {name: manifests[name] for name in ("a", "b")}
    assert target_role_of(both) == "validation"
    assert target_role_of(manifests) == "test"


def test_the_answer_is_kept_for_the_same_question_alone(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again with other options, it is made again; with the old ones, once more."""
    looked: list[float] = []
    whole = guard.look_for_leaks

    def look(*arguments: object) -> guard.Leakage:
        looked.append(1)
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("tma_prep.arrange.look_for_leaks", look)
    arranged(work)
    before = (work / "leakage" / "leakage.parquet").read_bytes()
    for options in ({}, {"orders": ["rt"]}, {"leakage": "exclude", "name": "x"}):
        arranged(work, **options)
    assert len(looked) == 1
    arranged(work, leak_similarity=0.9, name="y")
    assert len(looked) == 2 and _manifest(work).config["leak_similarity"] == 0.9
    arranged(work, name="z")
    assert len(looked) == 3 and (work / "leakage" / "leakage.parquet").read_bytes() == before
    # What was ordered by another answer is known as such.
    with pytest.raises(ArtifactError, match="leak-similarity was 0.9, now 0.98"):
        arranged(work, name="y")


def test_a_kept_order_tells_as_much_as_is_wanted(work: Path) -> None:
    """Nothing was left out of it, so it is kept unless it says nothing of leaks and should."""
    arranged(work)
    assert arranged(work, leakage="off").orders[0].kept
    with pytest.raises(VerdictError):
        arranged(work, leakage="fail")
    with pytest.raises(ArtifactError, match="leakage was warn, now exclude"):
        arranged(work, leakage="exclude")
    arranged(work, leakage="off", name="silent")
    with pytest.raises(ArtifactError, match="leakage was off, now warn"):
        arranged(work, name="silent")
    with pytest.raises(ArtifactError, match="target-role was test, now validation"):
        arranged(work, target_role="validation")


def test_damage_is_noticed_and_mended(work: Path) -> None:
    """One flipped byte, or a file that is gone; --overwrite makes it again."""
    victim = "leakage/leakage.parquet"
    arranged(work)
    whole = (work / victim).read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    (work / victim).write_bytes(damaged)
    with pytest.raises(ArtifactError, match=f"{victim}.*--overwrite"):
        arranged(work)
    arranged(work, overwrite=True)
    assert (work / victim).read_bytes() == whole
    (work / victim).unlink()
    with pytest.raises(ArtifactError, match=f"{victim}: is missing"):
        arranged(work)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_that_dies_leaves_nothing_that_looks_whole(
    work: Path, warned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two of its writes; the next run makes the same bytes."""
    for write in ("tma_prep.leakage.stage.sync", "tma_prep.artifact.Making.finish"):
        with monkeypatch.context() as patch:
            patch.setattr(write, _interrupted)
            with pytest.raises(KeyboardInterrupt):
                arranged(work)
        assert not (work / "leakage" / "manifest.json").exists()
        assert not (work / "orders").exists()
    arranged(work)
    for name in ("leakage/leakage.parquet",):
        assert (work / name).read_bytes() == (warned / name).read_bytes()
    assert not list(work.glob(".leakage*"))


def test_inputs_are_not_read_again(work: Path) -> None:
    """What was embedded is looked through, whatever became of the files."""
    for side in ("test", "train"):
        (work.parent / f"{side}.jsonl").unlink()
    arranged(work, shards=False)
    assert (work / "leakage" / "manifest.json").exists()


def test_verify_knows_which_rows_were_left_out(work: Path) -> None:
    """By the ranking, which holds none of them, whether or not the answer is there still."""
    arranged(work, leakage="exclude")
    assert verify(VerifyOptions(work=str(work))).proven
    (work / "leakage" / "manifest.json").unlink()
    (proof,) = verify(VerifyOptions(work=str(work))).shards
    assert set(proof.checks.values()) == {"proven"}


def test_equal_is_what_was_embedded(tmp_path: Path, sides: tuple[Side, Side]) -> None:
    """With --text prompt two rows of one prompt are equal, whatever their responses."""
    train, test = sides
    rows = [("same prompt", "yes"), *train.rows[1:]]
    tests = [("same prompt", "no"), *test.rows[1:]]
    given = Side(rows, train.vectors), Side(tests, test.vectors)
    work = embedded(tmp_path, *given, text="prompt")
    arranged(work, shards=False)
    assert _pairs(work)[0, 0] == ("equal", 1.0)


def test_tests_that_are_not_ranked_by_are_looked_for_too(work: Path, warned: Path) -> None:
    """The question is of the pool and the test set."""
    arranged(work, target_fraction=0.5, shards=False)
    assert _table(work).equals(_table(warned))


def test_options_out_of_range_are_refused() -> None:
    """By name."""
    for wrong in ({"leakage": "maybe"}, {"leak_similarity": 1.5}, {"target_role": "train"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ArrangeOptions.model_validate({"work": "w"} | wrong)
