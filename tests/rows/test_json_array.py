"""A JSON array comes as a stream, and means what `json.loads` says it means."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rows.folder import Folder, read
from tma_prep.errors import InputError
from tma_prep.rows.containers import read_blocks
from tma_prep.rows.json_array import array_elements

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class Dribble(io.BytesIO):
    """Gives few bytes at a time, as a compressed stream may, and counts them."""

    def __init__(self, data: bytes, most: int) -> None:
        """Give at most `most` bytes a read."""
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        wanted = self.most if size is None or size < 0 else min(size, self.most)
        return super().read(wanted)


def _elements(data: bytes, most: int) -> list[object]:
    return [value for _, value in array_elements(Dribble(data, most))]


@given(st.lists(JSON), st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40))
def test_elements_are_those_of_json_loads(
    values: list[object], ascii_only: bool, indent: int | None, most: int
) -> None:
    """Whatever the values, the spacing, and where the reads cut."""
    text = json.dumps(values, ensure_ascii=ascii_only, indent=indent)
    data = text.encode("utf-8", "surrogatepass" if ascii_only else "strict")
    assert _elements(data, most) == json.loads(text)


TRICKY = [
    *("-0", "-0.0", "1E5", "1.0", "0.1", "5e-324", "1e400", "-1e400", "NaN", "-Infinity"),
    *("9007199254740993", "9223372036854775808", "-123456789012345678901234567890"),
    *(r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\u0000\/"', '""', '{"": {"": []}}'),
    *('{"a": 1, "b": 2, "a": 3}', '{"b": 1, "a": 2}', "[[], {}, null, true]"),
]


def test_tricky_values() -> None:
    """Of the same type and the same to the last digit, keys in the same order."""
    text = f"[{', '.join(TRICKY)}]"
    assert repr(_elements(text.encode(), 7)) == repr(json.loads(text))


@given(st.lists(JSON, min_size=1), st.integers(1, 40), st.data())
def test_a_cut_array_is_never_whole(values: list[object], most: int, data: st.DataObject) -> None:
    """Every proper beginning of an array raises; what came before are its first elements."""
    text = json.dumps(values, ensure_ascii=False).encode()
    cut = data.draw(st.integers(1, len(text) - 1))
    found: list[object] = []
    with pytest.raises(ValueError):
        for _, value in array_elements(Dribble(text[:cut], most)):
            found.append(value)
    # A number at the cut may be shorter than it was meant to be.
    assert found[:-1] == values[: max(0, len(found) - 1)]


@pytest.mark.parametrize(
    "text", ["[1,]", "[,1]", "[1 2]", "[1]]", "[1] x", "[", "[1", "[tru]", '["a]', "[1}", "[[1]"]
)
@pytest.mark.parametrize("most", [1, 100])
def test_broken_arrays(text: str, most: int) -> None:
    """Each raises, however it is read."""
    with pytest.raises(ValueError):
        _elements(text.encode(), most)


def test_only_little_is_held(folder: Folder) -> None:
    """The first of many elements comes before much of the file is read."""
    row = json.dumps({"prompt": "p" * 1000, "response": "r"})
    data = ("[" + ",".join([row] * 10_000) + "]").encode()
    stream = Dribble(data, 1 << 30)
    elements = array_elements(stream)
    next(elements)
    assert stream.tell() < len(data) // 50
    assert sum(1 for _ in elements) == 9_999


def test_ten_thousand_rows_stream(folder: Folder) -> None:
    """Blocks come before the end is seen, which is broken here; mended, all rows are there."""
    rows = [{"prompt": f"p{n}", "response": "é"} for n in range(10_000)]
    text = json.dumps(rows, ensure_ascii=False)
    path = folder.write("x.json", text[:-1] + ", oops]")
    found = 0
    with pytest.raises(InputError, match=r"x\.json row 10000: the array is broken here \(Expect"):
        for block in read_blocks(folder.root / "x.json"):
            found += len(block)
    assert found == 4 * 2048
    folder.write("x.json", text)
    assert read(path).exchanges == [(f"p{n}", "é") for n in range(10_000)]


def test_numbers_are_those_of_json_lines(folder: Folder) -> None:
    """NaN and large numbers are read alike in an array and in lines."""
    row = '{"prompt": "p", "response": "r", "x": NaN, "y": 9007199254740993, "z": 1e400}'
    for path in (folder.write("x.json", f"[{row}]"), folder.write("x.jsonl", row)):
        (values,) = read(path).table.select(["x", "y", "z"]).to_pylist()
        assert math.isnan(values["x"])
        assert (values["y"], values["z"]) == (9007199254740993, math.inf)
