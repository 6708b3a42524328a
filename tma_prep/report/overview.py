"""What `tma-prep inspect` tells of a workspace, for the terminal, for `--json` and for the page."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SideFacts:
    """One side of a workspace.

    Attributes:
        rows: Embedded.
        skipped_rows: Bad rows left out.
        tasks: How many the rows name.
        tokens: Of all rows.
        truncated_rows: Longer than the encoder reads.
        response_cut_rows: Of those, rows whose response was not read at all.
    """

    rows: int
    skipped_rows: int
    tasks: int
    tokens: int
    truncated_rows: int
    response_cut_rows: int


@dataclass(frozen=True)
class OrderFacts:
    """One order of a workspace.

    Attributes:
        order: `nft`, `rt` and so on.
        ranked: What was ranked: `instance`, `task` or `kmeans:K`.
        limits: The options that decide which rows stay, as they are typed; empty where all do.
        shards: Whether the workspace holds its shards.
        current: Whether it was made from the embeddings that the workspace holds now.
    """

    name: str
    order: str
    ranking: str
    ranked: str
    limits: str
    rows: int
    shards: bool
    current: bool


@dataclass(frozen=True)
class Stretch:
    """Consecutive positions of an order.

    Attributes:
        first: First position.
        last: Last position, which belongs to it.
        mean_similarity: Of its rows, to their nearest tests.
        low_similarity: A tenth of its rows is no nearer.
        high_similarity: A tenth of its rows is as near or nearer.
        lowest_round: Of its rows; None where there are no rounds.
        highest_round: The same.
        tasks: Rows of each task; empty where rows name none.
        leaks: Rows of each kind of leak; empty where it was not looked for.
    """

    first: int
    last: int
    mean_similarity: float
    low_similarity: float
    high_similarity: float
    lowest_round: int | None
    highest_round: int | None
    tasks: list[int]
    leaks: list[int]

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Rounds:
    """Consecutive rounds of an order, in the sequence of nearest first.

    Attributes:
        first: First round; -k for the k-th farthest-pick round.
        last: Last round, which belongs to it.
        rounds: How many there are.
        rows: Of all of them.
        mean_similarity: Of those rows, to their nearest tests.
    """

    first: int
    last: int
    rounds: int
    rows: int
    mean_similarity: float


@dataclass(frozen=True)
class HubFacts:
    """A training row that many tests list among their nearest."""

    tma_row: int
    tests: int
    task: str | None
    position: int | None


@dataclass(frozen=True)
class Coverage:
    """How near the nearest rows of the tests are.

    Attributes:
        mean: Mean over tests of the mean similarity of their ten nearest rows.
        by_test: Of each test used, by its row number.
        by_task: Mean over the tests of each task.
        least: The ten test rows that are covered least, the least first.
    """

    mean: float
    by_test: dict[int, float]
    by_task: dict[str, float]
    least: list[int]


@dataclass(frozen=True)
class LeakFacts:
    """Training rows that hold a test row.

    Attributes:
        kinds: Rows of each kind, each row once, by the strongest.
        rows: Of any kind, in the whole pool.
        tests: Test rows that some training row holds.
    """

    kinds: dict[str, int]
    rows: int
    tests: int


@dataclass(frozen=True)
class OrderDetails:
    """One order from its first position to its last.

    Attributes:
        facts: What it is.
        task_names: By the number of the task in a `Stretch`.
        leak_kinds: By the number of the kind in a `Stretch`.
        stretches: Ten parts of about equal length.
        rounds: At most twelve groups of them; empty where there are none.
        round_count: How many rounds; None where there are none.
        hubs: The ten rows that most tests list.
        never_listed: Rows that no test lists among its nearest.
        coverage: Of the tests that the ranking used.
    """

    facts: OrderFacts
    task_names: list[str]
    leak_kinds: list[str]
    stretches: list[Stretch]
    rounds: list[Rounds]
    round_count: int | None
    hubs: list[HubFacts]
    never_listed: int
    coverage: Coverage


@dataclass(frozen=True)
class Overview:
    """A workspace.

    Attributes:
        dimension: Components of a vector.
        encoder: The model, None where vectors were given.
        order: The order told of; None where there is none.
        leakage: None where it was not looked for.
        page: The HTML file that was written.
        notes: What could not be told, and why.
    """

    workspace: str
    train: SideFacts
    test: SideFacts
    dimension: int
    encoder: str | None
    orders: list[OrderFacts]
    order: OrderDetails | None
    leakage: LeakFacts | None
    page: str | None = None
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedRow:
    """A row of an order in the table of the page.

    Attributes:
        target: Its nearest test, as `tma_target` calls it.
        leak: The strongest kind of leak, None for a row that holds no test.
        prompt: Its beginning.
        response: Its beginning.
        problem: Why there is no text; None where there is.
    """

    position: int
    tma_row: int
    round: int | None
    similarity: float
    task: str | None
    target: str
    leak: str | None
    prompt: str
    response: str
    problem: str | None


@dataclass(frozen=True)
class PageData:
    """What the page draws beside the overview.

    Attributes:
        lines: Of each order that is up to date, a hundred stretches; the order told of is first.
        orders_left_out: Orders that are up to date and have no line.
        stretches: The order told of in fifty.
        rounds: Its rounds, one by one or joined.
        rows: For the table.
        listed: Which rows of the order those are, in words.
    """

    lines: dict[str, list[Stretch]]
    orders_left_out: list[str]
    stretches: list[Stretch]
    rounds: list[Rounds]
    rows: list[ListedRow]
    listed: str
