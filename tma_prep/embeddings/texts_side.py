"""One side whose texts a model embeds: what is new, what an earlier run left, and the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tma_prep.artifact import MANIFEST, library_versions, read_manifest, tool_version
from tma_prep.embeddings.known import KnownTexts, halves_of_column, known_texts
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.results import SidePlan, SideResult, plan_of
from tma_prep.embeddings.side import (
    LIBRARIES,
    EmbedSide,
    finish_side,
    side_result,
    view_of,
)
from tma_prep.embeddings.texts import TextSide, read_catalogue
from tma_prep.embeddings.update import Earlier, check_updatable, earlier_store
from tma_prep.errors import ArtifactError
from tma_prep.options import EmbedOptions
from tma_prep.progress import Progress
from tma_prep_schemas import EmbeddingsManifest

if TYPE_CHECKING:
    from tma_prep.embeddings.encoder import Encoder
    from tma_prep.embeddings.runners import Runner

_FEW_TEXTS = 2000
"""So few texts are embedded without judging first how long it will take."""


def _manifest_of(folder: Path) -> EmbeddingsManifest | None:
    try:
        return read_manifest(folder / MANIFEST, EmbeddingsManifest)
    except ArtifactError:
        return None


@dataclass(frozen=True)
class LoadedModel:
    """What embeds, ready to run."""

    encoder: "Encoder"
    runner: "Runner"


class TextsOfSide:
    """One side whose texts a model embeds."""

    def __init__(
        self, side: EmbedSide, options: EmbedOptions, model: LoadedModel, progress: Progress
    ) -> None:
        """Go through the rows once, to find what is new.

        Raises:
            ArtifactError: An update of a store that was embedded in another way.
        """
        self._side, self._options, self._model = side, options, model
        self._progress = progress
        self._catalogue = read_catalogue(
            side.rows.store,
            view_of(side.side, options),
            progress,
            label=f"Looking for equal texts in {side.side}",
            memory_bytes=options.memory_bytes,
        )
        self._earlier = self._taken_over()
        store = None if self._earlier is None else self._earlier.store
        self._known: KnownTexts = known_texts(
            self._catalogue.ids, None if store is None else halves_of_column(store.ids)
        )
        self._texts = TextSide(
            side.rows.store,
            self._catalogue,
            self._known,
            store,
            view_of(side.side, options),
            options.rows_per_part,
            padded=model.runner.described["device"] != "cpu",
        )

    def plan(self) -> SidePlan:
        """What it will take, at a look at what an interrupted run left."""
        found = PartsFolder.look(self._side.folder, self._recipe)
        finished = np.zeros(self._texts.windows, dtype=np.bool_)
        if found is not None:
            finished = self._texts.finished_windows(found, lambda _: None)
        return self._plan(finished, timed=True)

    def embed(self) -> SideResult:
        """Embed what is not there yet, and finish the store."""
        side, options = self._side, self._options
        mended = self._reopened() if options.overwrite else None
        parts = PartsFolder(
            side.folder,
            self._recipe,
            rows_per_part=options.rows_per_part,
            start_anew=options.overwrite or options.update,
        )
        if parts.dropped:
            self._progress.note(
                f"{side.side}: what an interrupted run with other inputs or options had done is "
                "dropped"
            )
        finished = self._texts.finished_windows(parts, self._progress.note)
        if not finished.all():
            plan = self._plan(finished, timed=self._new(finished) > _FEW_TEXTS)
            self._progress.note(plan.told(side.side, self._model.runner.described))
            label = f"Embedding {side.side}"
            if plan.resumed_rows:
                label += f" ({plan.resumed_rows / plan.rows:.0%} were there)"
            with self._progress.stage(label, plan.new_texts, "texts") as advance:
                self._texts.embed(parts, finished, self._model.encoder, self._model.runner, advance)
        manifest = finish_side(
            side,
            parts,
            self._texts.parts,
            encoder=self._model.runner.described,
            unique_texts=self._unique_texts,
            updated_from=self._updated_from(mended),
        )
        return side_result(
            manifest,
            side,
            embedded_texts=self._new(finished),
            resumed_rows=self._resumed_rows(finished),
            stayed_texts=self._unique_texts - int(np.count_nonzero(self._known.is_new)),
            gone_texts=self._known.gone,
        )

    def _reopened(self) -> EmbeddingsManifest | None:
        """What a damaged store should have held, if it was made as this one is to be."""
        side, described = self._side, self._model.runner.described
        found = _manifest_of(side.folder)
        if found is None or (found.config, found.inputs, found.encoder, found.libraries) != (
            *(side.config, side.inputs, described, library_versions(*LIBRARIES)),
        ):
            return None
        if list(found.inputs) != list(side.inputs) or found.tool_version != tool_version():
            return None
        return found if PartsFolder.reopen(side.folder, found, self._recipe) else None

    def _updated_from(self, mended: EmbeddingsManifest | None) -> list[str]:
        if self._earlier is not None:
            return self._earlier.manifests
        return [] if mended is None else mended.updated_from

    @property
    def _recipe(self) -> dict[str, str]:
        """Everything that the bytes depend on."""
        made_by = {"tma-prep": tool_version(), **library_versions(*LIBRARIES)}
        options = {**self._side.config, **self._model.runner.described}
        recipe = {name.replace("_", "-"): str(value) for name, value in options.items()}
        recipe |= made_by | self._side.inputs
        recipe["rows-per-window"] = str(self._texts.rows_per_window)
        if self._earlier is not None:
            recipe["updated store"] = self._earlier.manifests[0]
        return recipe

    @property
    def _unique_texts(self) -> int:
        return int(np.count_nonzero(self._known.first == np.arange(len(self._known.first))))

    def _new(self, finished: np.ndarray) -> int:
        """Texts that are to be embedded still."""
        return int(np.count_nonzero(self._known.is_new & ~self._rows_of(finished)))

    def _resumed_rows(self, finished: np.ndarray) -> int:
        return int(np.count_nonzero(self._rows_of(finished)))

    def _rows_of(self, windows: np.ndarray) -> np.ndarray:
        size = self._texts.rows_per_window
        return np.repeat(windows, size)[: len(self._catalogue.rows)]

    def _plan(self, finished: np.ndarray, *, timed: bool) -> SidePlan:
        return plan_of(
            self._model.encoder,
            self._model.runner,
            self._catalogue.sample,
            timed=timed,
            rows=len(self._catalogue.rows),
            unique_texts=self._unique_texts,
            new_texts=self._new(finished),
            resumed_rows=self._resumed_rows(finished),
        )

    def _taken_over(self) -> Earlier | None:
        if not self._options.update:
            return None
        found = earlier_store(self._side.folder, self._side.rows.store)
        if found is not None:
            described = self._model.runner.described
            check_updatable(self._side.folder, found.store.manifest, self._side.config, described)
        return found
