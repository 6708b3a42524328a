"""Damage to a file, drawn by hypothesis; and digests that agree with it."""

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.faults.place import Place
from tma_prep.durable import sha256_of

KINDS = ("flipped byte", "cut off", "random bytes", "no bytes", "gone", "a folder")

BEFORE = ("embeddings/test", "embeddings/train", "shards/nft", "shards/rt")
"""Artifacts that manifests of others name the digest of, in the order in which they are made."""


def damage(path: Path, kind: str, data: st.DataObject) -> None:
    """Do it to a file."""
    whole = path.read_bytes()
    if kind == "flipped byte":
        place = data.draw(st.integers(0, len(whole) - 1), "place")
        other = whole[place] ^ data.draw(st.integers(1, 255), "bits")
        path.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
    elif kind == "cut off":
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1), "length")])
    elif kind == "random bytes":
        path.write_bytes(data.draw(st.binary(max_size=400), "bytes"))
    elif kind == "no bytes":
        path.write_bytes(b"")
    else:
        path.unlink()
        if kind == "a folder":
            path.mkdir()


def reseal(place: Place) -> None:
    """Let every digest in the workspace agree with what is there now.

    What lies may be anything; manifests that are no JSON objects are let be.
    """
    work = place.root / "work"
    for manifest in [*(work / name / "manifest.json" for name in BEFORE), *_others(work)]:
        found = _read(manifest)
        if found is None:
            continue
        for entry in _entries(found):
            file = manifest.parent / str(entry["file"])
            if os.path.isfile(file):
                entry["bytes"], entry["sha256"] = file.stat().st_size, sha256_of(file)
        inputs = found.get("inputs")
        if not isinstance(inputs, dict):
            inputs = {}
        for name in inputs:
            of_input = work / name / "manifest.json"
            path = of_input if name in BEFORE else Path(name)
            if path.is_file():
                inputs[name] = sha256_of(path)
        _write(manifest, found)


def _others(work: Path) -> list[Path]:
    return [
        path
        for path in sorted(work.rglob("*manifest.json"))
        if str(path.parent.relative_to(work)) not in BEFORE
    ]


def _entries(value: object) -> list[dict[str, Any]]:
    """Every file entry of a manifest, at any depth."""
    if isinstance(value, dict):
        here = [value] if {"file", "bytes", "sha256"} <= value.keys() else []
        return here + [entry for one in value.values() for entry in _entries(one)]
    return [entry for one in value for entry in _entries(one)] if isinstance(value, list) else []


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
