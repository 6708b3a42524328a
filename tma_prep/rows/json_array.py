"""A JSON array as a stream of its elements, holding little more than one of them."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from tma_prep.rows.bad_row import BadRow

_BYTES_A_READ = 1 << 16
_LONGEST_WORD = 16  # characters; no literal, escape or mark of JSON is longer
_SPACE = re.compile(r"[ \t\n\r]*")
_UNDECODED = re.compile("[\udc80-\udcff]")


def array_elements(stream: BinaryIO) -> Iterator[tuple[int, object]]:
    """Decode the elements of a JSON array one at a time, as `json.loads` would.

    `ijson` is none for this: it refuses NaN, makes half a surrogate pair a question mark without a
    word, and takes memory that grows with the square of the nesting.

    Args:
        stream: UTF-8 that begins with `[`, a byte order mark and white space apart.

    Yields:
        Characters of an element, and its value; a `BadRow` where its bytes are not UTF-8.

    Raises:
        ValueError: The array is broken; nothing after the place can be read.
        RecursionError: An element is nested too deeply to be read.
    """
    text = _Window(stream)
    text.next_mark()
    text.place += 1
    if text.next_mark() != "]":
        yield text.take_element()
        while text.next_mark() == ",":
            text.place += 1
            text.next_mark()
            yield text.take_element()
    if text.next_mark() != "]":
        raise json.JSONDecodeError("Expecting ',' or ']'", text.held, text.place)
    text.place += 1
    if text.next_mark():
        raise json.JSONDecodeError("Extra data after the array", text.held, text.place)


class _Window:
    """The part of the file that is held; `place` is where it is read next."""

    def __init__(self, stream: BinaryIO) -> None:
        self.held, self.place, self._ended = "", 0, False
        self._stream = stream
        # Bytes that are not UTF-8 come through as surrogates, so that their row can be named.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._parse = json.JSONDecoder().raw_decode

    def next_mark(self) -> str:
        """Go to the next character that is no white space, and return it; "" at the end."""
        while True:
            space = _SPACE.match(self.held, self.place)
            self.place = space.end() if space else self.place
            if self.place < len(self.held) or self._ended:
                return self.held[self.place : self.place + 1]
            self._grow()

    def take_element(self) -> tuple[int, object]:
        """Read the value that begins here and go behind it."""
        while True:
            # What ends or breaks near the window's end may be cut there.
            last = len(self.held) - _LONGEST_WORD
            try:
                value, end = self._parse(self.held, self.place)
            except json.JSONDecodeError as error:
                cut = error.pos >= last or error.msg.startswith("Unterminated string")
                if self._ended or not cut:
                    raise
            else:
                if end <= last or self._ended:
                    source = self.held[self.place : end]
                    self.place = end
                    if not source.isascii() and _UNDECODED.search(source):
                        value = BadRow("is not UTF-8; save the file as UTF-8")
                    return len(source), value
            self._grow()

    def _grow(self) -> None:
        """Drop what is read; read as much again as is left, so that a long row costs its length."""
        left = self.held[self.place :]
        data = self._stream.read(max(_BYTES_A_READ, len(left)))
        self._ended = not data
        self.held, self.place = left + self._decoder.decode(data, final=self._ended), 0
