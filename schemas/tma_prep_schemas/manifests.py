"""The manifests of a workspace, as pydantic models that refuse unknown keys.

A manifest is written last: an artifact without one is unfinished. Nothing in it depends on the
time, the host or the number of threads.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from tma_prep_schemas.checks import CheckSummary
from tma_prep_schemas.strict import Strict

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A plain file name: no folder, no leading dot, so that no manifest can point elsewhere."""

Option = str | int | float | bool | None | list[str] | list[int]


class FileEntry(Strict):
    """One file of an artifact, beside its manifest."""

    file: FileName
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: Sha256


class InputFile(Strict):
    """One input file, as it was when it was read."""

    name: str
    bytes: int = Field(ge=0)
    sha256: Sha256
    rows: int = Field(ge=0, description="bad ones included")


class Manifest(Strict):
    """What every manifest records."""

    format_version: Literal[2] = 2
    kind: str
    tool_version: str
    libraries: dict[str, str] = Field(description="versions of the libraries that matter")
    config: dict[str, Option] = Field(description="every option, resolved")
    inputs: dict[str, Sha256] = Field(default_factory=dict)
    """SHA-256 of the manifests of what this was made from directly, by artifact"""
    rows: int = Field(ge=1)
    files: list[FileEntry] = Field(min_length=1)

    @property
    def all_files(self) -> list[FileEntry]:
        """Every file of the artifact: `files`, and those that stand apart."""
        apart = [value for value in self.__dict__.values() if isinstance(value, FileEntry)]
        return [*self.files, *apart]

    @model_validator(mode="after")
    def _rows_add_up(self) -> Self:
        if self.rows != sum(entry.rows for entry in self.files):
            raise ValueError("the rows of the files do not add up to `rows`")
        if len({entry.file for entry in self.files}) < len(self.files):
            raise ValueError("a file is listed twice")
        return self


class RowLayout(Strict):
    """How the rows of a side are read, from one row to that of the next."""

    first_row: int = Field(default=0, ge=0)
    """`tma_row` from which on it holds"""
    format: str
    """name of the layout, `columns` where `columns` says all"""
    columns: dict[str, str] = Field(default_factory=dict)
    """columns in place of the layout's own, by role"""
    task_column: str | None = None
    """the column that names the task"""
    answered: bool = True
    """whether every row has a response"""
    examples: int = Field(default=0, ge=0)
    """positive examples of Natural Instructions in prompts"""
    ids: bool = True
    """whether rows go by their own ids, and not by row numbers alone"""


class Traits(Strict):
    """What some row of a side is, so that an export knows its form."""

    conversation: bool = False
    """more than a user's text and its answer"""
    tools: bool = False
    """with tools, calls of tools or their answers"""
    masked: bool = False
    """with an answer that is not trained"""
    extras: bool = False
    """with messages that say more than role, text and calls"""
    whole: bool = False
    """running text, trained whole"""
    unanswered: bool = False
    """without anything to be trained"""


class RowsManifest(Manifest):
    """`rows/train/manifest.json` and `rows/test/manifest.json`; the good rows, as they came in."""

    kind: Literal["rows"] = "rows"
    side: Literal["train", "test"]
    input_files: list[InputFile] = Field(min_length=1, description="in the order read")
    layouts: list[RowLayout] = Field(min_length=1, description="of the files, in the order read")
    traits: Traits
    columns: list[str] = Field(description="the user's columns, each as `name: type`")
    skipped_rows: int = Field(ge=0, description="bad rows left out")
    skipped: FileEntry | None = Field(description="the file that lists them, null where none")


class EmbeddingsManifest(Manifest):
    """`embeddings/train/manifest.json` and `embeddings/test/manifest.json`."""

    kind: Literal["embeddings"] = "embeddings"
    side: Literal["train", "test"]
    dimension: int = Field(ge=1)
    instances: FileEntry = Field(description="id, task and tokens of every row")
    encoder: dict[str, Option] | None
    """how texts were encoded, with no `auto` left; null where vectors were given"""
    unique_texts: int | None = Field(ge=1)
    """texts that differ, each embedded once; null where vectors were given"""
    tokens: int = Field(ge=0, description="of all rows, as `instances` counts them")
    tokens_lost: int = Field(ge=0, description="of those, not read for the encoder's length")
    truncated_rows: int = Field(ge=0, description="rows longer than the encoder reads")
    response_cut_rows: int = Field(ge=0)
    """of those, rows whose response was cut away entirely"""
    updated_from: list[Sha256] = Field(default_factory=list)
    """SHA-256 of the manifests that this one took vectors over from by --update, the latest first
    """


class NeighborsManifest(Manifest):
    """`neighbors/manifest.json`."""

    kind: Literal["neighbors"] = "neighbors"
    test_rows: int = Field(ge=1)
    train_rows: int = Field(ge=1)


class Hub(Strict):
    """A training row that many tests list among their nearest."""

    tma_row: int
    tests: int = Field(ge=1)


class Facts(Strict):
    """What a ranking found. "Listed" is: among the nearest rows of a test in `neighbors/`."""

    rounds: int | None = Field(description="how many rounds, null where the ranking has none")
    largest_round: int | None = Field(description="rows, or units, of the largest round")
    median_round: float | None = Field(description="the same of the median round")
    smallest_round: int | None = Field(description="the same of the smallest round")
    shared_winners: float | None
    """share of the nominations that named a row another test named in that round"""
    never_first_choice: int = Field(description="rows that are no test's nearest row")
    never_listed: int = Field(description="rows that no test lists")
    hubs: list[Hub] = Field(description="the ten rows that most tests list")
    coverage: float
    """mean over tests of the mean similarity of their ten nearest rows"""
    least_covered: dict[str, float] = Field(description="the ten test rows with the lowest")
    coverage_by_test: dict[str, float] = Field(description="by the number of the test row")
    coverage_by_task: dict[str, float]
    units: int | None = Field(description="tasks or k-means cells ranked, null for instances")
    transport: dict[str, float | bool | None] | None
    """how optimal transport ended: exact, marginal_error, iterations, regularisation"""


class LeakCounts(Strict):
    """Training rows that hold a test row, each counted once, by the strongest kind."""

    equal: int = Field(ge=0, description="the same text, by tma_id")
    normalised: int = Field(ge=0, description="the same but for case, space and punctuation")
    ngram: int = Field(ge=0, description="by n-grams of words")
    similarity: int = Field(ge=0, description="by the similarity of embeddings")
    tests: int = Field(ge=0, description="test rows that some training row holds")

    @property
    def rows(self) -> int:
        """Training rows of any kind."""
        return self.equal + self.normalised + self.ngram + self.similarity


class LeakageManifest(Manifest):
    """`leakage/manifest.json`, beside `leakage.parquet`."""

    kind: Literal["leakage"] = "leakage"
    rows: int = Field(ge=0)
    train_rows: int = Field(ge=1)
    test_rows: int = Field(ge=1)
    counts: LeakCounts


class Targets(Strict):
    """Test rows that an order was arranged for, and what it never saw, by their numbers."""

    rows: list[int] = Field(min_length=1, description="those that were used, ascending")
    unseen: list[int]
    """those held out by `target_fraction`, ascending, but for rows whose text is also that of a row
    in the other part"""


_TARGETS = Field(default=None, description="null where the order was arranged for every test row")


class RankingManifest(Manifest):
    """`rankings/NAME/manifest.json`."""

    kind: Literal["ranking"] = "ranking"
    ranking: str
    facts: Facts


class OrderManifest(Manifest):
    """`orders/NAME/manifest.json`, beside `order.parquet`."""

    kind: Literal["order"] = "order"
    order: str
    targets: Targets | None = _TARGETS
    leakage: LeakCounts | None = None
    """what of the whole pool holds a test row, left out where `leakage` in `config` is exclude;
    null where it was not looked for"""


class ScheduleStage(Strict):
    """Consecutive rows of an order, of about as many tokens as every other stage."""

    first_position: int
    last_position: int
    rows: int
    tokens: int
    mean_similarity: float
    first_round: int | None
    last_round: int | None
    tasks: list[str] = Field(description="tasks present, sorted; empty where rows name none")


class Schedule(Strict):
    """`shards/NAME/schedule.json`: an order in stages."""

    format_version: Literal[2] = 2
    order: str
    tokens_counted_by: str
    """encoder, words (where vectors were given), or the tokenizer file"""
    stages: list[ScheduleStage]


class ShardsManifest(Manifest):
    """`shards/NAME/manifest.json`."""

    kind: Literal["shards"] = "shards"
    schedule: FileEntry
    order: str
    targets: Targets | None = _TARGETS
    leakage: LeakCounts | None = None
    """what of the whole pool holds a test row, left out where `leakage` in `config` is exclude;
    null where it was not looked for"""
    layouts: list[RowLayout] = Field(min_length=1)
    """how the user's columns are read"""
    traits: Traits


class CheckManifest(Manifest):
    """`checks/NAME/manifest.json`."""

    kind: Literal["check"] = "check"
    orders: list[str]


class ExportManifest(Manifest):
    """`exports/NAME-for-TRAINER/manifest.json`; the first of `files` holds the rows."""

    kind: Literal["export"] = "export"
    order: str
    trainer: str
    form: Literal["exchange", "conversation", "text", "whole"]
    """prompt and response, messages, running text, or the user's columns as they are"""
    total_rows: int = Field(ge=1, description="of the shards")
    cut_rows: int = Field(ge=0, description="left out at the end for the global batch")
    skipped_rows: int = Field(ge=0, description="left out because the trainer cannot take them")
    skipped: FileEntry | None = Field(description="the file that lists them, null where none")
    warnings: list[str]


def manifest_models() -> dict[str, type[BaseModel]]:
    """Every model that stands as a JSON file in a workspace, by the name of its schema file."""
    manifests = {
        str(model.model_fields["kind"].default): model for model in Manifest.__subclasses__()
    }
    return {**manifests, "schedule": Schedule, "check-summary": CheckSummary}
