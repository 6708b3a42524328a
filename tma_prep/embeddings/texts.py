"""Embed the texts of one side: its rows are gone through to know them, and again to embed."""

import collections
import concurrent.futures
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.encoder import Encoder
from tma_prep.embeddings.known import BYTES_A_ROW, KnownTexts, halves_of
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.runners import Runner
from tma_prep.embeddings.store import StoredRows, TakesRows
from tma_prep.embeddings.tokens import Tokenised, TokenLists
from tma_prep.errors import OptionError
from tma_prep.parallel import in_turn, read_ahead
from tma_prep.progress import Progress
from tma_prep.rows import RowStore, Sample, TextView

_LEAST_WINDOW_ROWS = 2048
"""Enough to fill the batches of a CPU with texts of like length."""
_TIMES_WHERE_PADDED = 8
"""A GPU's batches are larger: with so many more rows under 5 % of them is padding."""
_SAMPLE = 256
_SAMPLE_CHARACTERS = 20_000


@dataclass(frozen=True)
class Catalogue:
    """The good rows of one side, known before any is embedded.

    Attributes:
        rows: int64, `tma_row` of each.
        ids: uint64, shape (rows, 2), the halves of each `tma_id`.
        sample: Some of the texts, to judge the work by.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.uint64]
    sample: list[tuple[str, str]]


def read_catalogue(
    store: RowStore,
    view: TextView,
    progress: Progress,
    *,
    label: str,
    memory_bytes: int,
) -> Catalogue:
    """Know every text before the first is embedded.

    Raises:
        OptionError: To know so many rows takes more than the memory.
    """
    most_rows = memory_bytes // BYTES_A_ROW
    rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    ids: list[NDArray[np.uint64]] = [np.empty((0, 2), np.uint64)]
    sample: list[tuple[str, str]] = []
    draw = np.random.default_rng(0)
    seen = 0
    with progress.stage(label, store.manifest.rows, "rows") as advance:
        for samples, _ in store.batches():
            texts = _texts(samples, view)
            ids.append(halves_of([each.text_id(view) for each in samples]))
            rows.append(np.array([each.row for each in samples], np.int64))
            # Reservoir sampling: after n rows each is in the sample with the same chance.
            places = draw.integers(0, np.arange(seen, seen + len(texts)) + 1)
            for text, place in zip(texts, places.tolist(), strict=True):
                short = (text[0][:_SAMPLE_CHARACTERS], text[1][:_SAMPLE_CHARACTERS])
                if len(sample) < _SAMPLE:
                    sample.append(short)
                elif place < _SAMPLE:
                    sample[place] = short
            seen += len(texts)
            if seen > most_rows:
                raise OptionError(
                    f"knowing which texts are equal takes {BYTES_A_ROW} bytes a row, and there are "
                    f"more than {most_rows:,} rows; give a larger --memory-budget"
                )
            advance(len(texts))
    return Catalogue(np.concatenate(rows), np.concatenate(ids), sample)


@dataclass(frozen=True)
class _Window:
    """The rows of some parts, tokenised.

    Attributes:
        first_place: Of the first row in the store.
        new: Of the texts that are to be embedded.
    """

    first_place: int
    rows: list[int]
    ids: list[str]
    names: list[str | None]
    tasks: list[str | None]
    new: list[Tokenised]

    @property
    def token_lists(self) -> TokenLists:
        """What the model reads."""
        return TokenLists.join([piece.ids for piece in self.new])


@dataclass(frozen=True)
class TextSide:
    """What is needed to embed one side.

    Attributes:
        known: Where each row's vector comes from.
        earlier: Vectors from before an update, None where there was nothing.
        padded: Whether batches are large, as on a GPU, and padded to their longest text.
    """

    store: RowStore
    catalogue: Catalogue
    known: KnownTexts
    earlier: TakesRows | None
    view: TextView
    rows_per_part: int
    padded: bool

    @property
    def parts(self) -> int:
        """How many parts the store has."""
        return -(-len(self.catalogue.rows) // self.rows_per_part)

    @property
    def rows_per_window(self) -> int:
        """The whole number of parts that is large enough."""
        least = _LEAST_WINDOW_ROWS * (_TIMES_WHERE_PADDED if self.padded else 1)
        return self.rows_per_part * -(-least // self.rows_per_part)

    @property
    def windows(self) -> int:
        """How many windows they come in."""
        return -(-len(self.catalogue.rows) // self.rows_per_window)

    def finished_windows(
        self, parts: PartsFolder, on_damage: Callable[[str], None]
    ) -> NDArray[np.bool_]:
        """Windows whose parts an earlier run left whole.

        Args:
            parts: Where they are.
            on_damage: Told in a line of a part that must be made again.
        """
        of_window = self.rows_per_window // self.rows_per_part
        whole = [
            parts.finished(number, self.catalogue.rows[here], self.catalogue.ids[here], on_damage)
            for number, here in enumerate(_slices(len(self.catalogue.rows), self.rows_per_part))
        ]
        return np.array([all(found) for found in _chunks(whole, of_window)], dtype=np.bool_)

    def embed(
        self,
        parts: PartsFolder,
        finished: NDArray[np.bool_],
        encoder: Encoder,
        runner: Runner,
        advance: Callable[[int], None],
    ) -> None:
        """Write every part that is not there yet.

        One thread reads and tokenises ahead of the model, one writes behind it.
        """
        waiting: deque[_Window] = deque()

        def token_lists() -> Iterator[TokenLists]:
            for window in read_ahead(self._windows(finished, encoder)):
                waiting.append(window)
                yield window.token_lists

        with concurrent.futures.ThreadPoolExecutor(1) as behind:
            found = runner.run(token_lists(), advance)
            collections.deque(
                in_turn(behind, lambda pair: self._write(parts, *pair), _paired(waiting, found), 2),
                maxlen=0,
            )

    def _windows(self, finished: NDArray[np.bool_], encoder: Encoder) -> Iterator[_Window]:
        size = self.rows_per_window
        pieces = (
            self._tokenised(place, samples, encoder)
            for place, samples in _pieces(self.store, size)
            if not finished[place // size]
        )
        for _, group in itertools.groupby(pieces, key=lambda piece: piece.first_place // size):
            yield _joined(list(group))

    def _tokenised(self, place: int, samples: list[Sample], encoder: Encoder) -> _Window:
        texts = _texts(samples, self.view)
        here = slice(place, place + len(texts))
        is_new = self.known.is_new[here]
        return _Window(
            first_place=place,
            rows=[each.row for each in samples],
            ids=[each.text_id(self.view) for each in samples],
            names=[each.id for each in samples],
            tasks=[each.task for each in samples],
            new=[encoder.tokenised([texts[row] for row in np.flatnonzero(is_new)])],
        )

    def _write(self, parts: PartsFolder, window: _Window, vectors: NDArray[np.float32]) -> None:
        """Complete the rows of a window and write its parts."""
        places = np.arange(window.first_place, window.first_place + len(window.rows))
        is_new = self.known.is_new[places]
        found = _Columns(len(places), vectors.shape[1])
        found.put(
            is_new,
            vectors,
            *(
                np.concatenate([getattr(piece, name) for piece in window.new])
                for name in ("tokens", "read", "response_cut")
            ),
        )
        old = self.known.earlier[places]
        if self.earlier is not None and (old >= 0).any():
            found.take(old >= 0, old, self.earlier)
        again = ~is_new & (old < 0)
        first = self.known.first[places]
        found.take(again & (first < window.first_place), first, parts)
        found.copy(again & (first >= window.first_place), first - window.first_place)
        parts.write(
            window.first_place // self.rows_per_part,
            StoredRows(
                window.rows,
                window.ids,
                window.names,
                window.tasks,
                found.vectors,
                found.tokens,
                found.read,
                found.response_cut,
            ),
        )


class _Columns:
    """The columns of a window's rows that come from the model or from an equal text."""

    def __init__(self, rows: int, dimension: int) -> None:
        self.vectors = np.empty((rows, dimension), np.float32)
        self.tokens = np.empty(rows, np.int64)
        self.read = np.empty(rows, np.int64)
        self.response_cut = np.empty(rows, np.bool_)

    def put(
        self,
        where: NDArray[np.bool_],
        vectors: NDArray[np.float32],
        tokens: NDArray[np.int64],
        read: NDArray[np.int64],
        response_cut: NDArray[np.bool_],
    ) -> None:
        """Set the rows of a mask."""
        self.vectors[where], self.tokens[where] = vectors, tokens
        self.read[where], self.response_cut[where] = read, response_cut

    def take(self, where: NDArray[np.bool_], places: NDArray[np.int64], source: TakesRows) -> None:
        """Set the rows of a mask from their places in a source."""
        if not where.any():
            return
        wanted, back = np.unique(places[where], return_inverse=True)
        found = source.take_rows(wanted)
        self.put(
            where,
            found.vectors[back],
            found.tokens[back],
            found.tokens_read[back],
            found.response_cut[back],
        )

    def copy(self, where: NDArray[np.bool_], places: NDArray[np.int64]) -> None:
        """Set the rows of a mask from others of the window."""
        source = places[where]
        self.put(
            where,
            self.vectors[source],
            self.tokens[source],
            self.read[source],
            self.response_cut[source],
        )


def _texts(samples: Sequence[Sample], view: TextView) -> list[tuple[str, str]]:
    return [each.embedded(view) for each in samples]


def _pieces(store: RowStore, size: int) -> Iterator[tuple[int, list[Sample]]]:
    """Consecutive samples with the place of the first; none reaches over a window's end."""
    place = 0
    for samples, _ in store.batches():
        start = 0
        while start < len(samples):
            stop = min(len(samples), start + size - place % size)
            yield place, samples[start:stop]
            place += stop - start
            start = stop


def _joined(pieces: Sequence[_Window]) -> _Window:
    return _Window(
        first_place=pieces[0].first_place,
        **{
            name: list(itertools.chain.from_iterable(getattr(piece, name) for piece in pieces))
            for name in ("rows", "ids", "names", "tasks", "new")
        },
    )


def _paired(
    waiting: deque[_Window], found: Iterator[NDArray[np.float32]]
) -> Iterator[tuple[_Window, NDArray[np.float32]]]:
    for vectors in found:
        yield waiting.popleft(), vectors


def _slices(rows: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, rows, step))


def _chunks(items: Sequence[bool], size: int) -> Iterator[Sequence[bool]]:
    return (items[start : start + size] for start in range(0, len(items), size))
