"""What a row means, and the views of it that the stages take."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.messages import Message

TextPart = Literal["both", "prompt", "response"]
Exchange = Literal["first", "last", "all"]


@dataclass(frozen=True)
class TextView:
    """What of a sample is embedded.

    Attributes:
        exchange: The first exchange (arXiv 2406.11721), the last, or every message.
        part: One side of it, or both.
    """

    exchange: Exchange = "first"
    part: TextPart = "both"


@dataclass(frozen=True)
class Sample:
    """One validated row.

    Attributes:
        row: Number in the whole side, from 0 (`tma_row`).
        messages: In order.
        tools: What it offers to the model, an object each, as it stands in the row.
        task: Name of the task, where the rows name one.
        id: The row's own `id` as text, where it has one.
        whole: Whether the row is running text, to be trained whole.
    """

    row: int
    messages: tuple[Message, ...]
    tools: tuple[object, ...]
    task: str | None
    id: str | None
    whole: bool = False

    @property
    def is_exchange(self) -> bool:
        """Whether one user's text and at most one answer's text say all there is."""
        if self.tools or len(self.messages) > 2:
            return False
        roles = [message.role for message in self.messages]
        plain = all(not message.tool_calls and not message.others for message in self.messages)
        trained = all(message.trained for message in self.messages[1:])
        return plain and trained and roles in (["user"], ["user", "assistant"])

    def exchange(self, which: Exchange) -> tuple[str, str]:
        """Prompt and response of the exchange that is embedded.

        Under `first` the first user's message, and the first trained answer after it that has
        text, or else its calls. Under `last` the last such answer, and the last user's message
        before it; where a user has the last word, that message alone. Under `all` every message
        but system text and masked answers, joined by one space; the response is the last of them
        if it is an assistant's.

        Raises:
            BadRow: No user speaks.
        """
        if which == "all":
            return self._all()
        asked = [place for place, message in enumerate(self.messages) if message.role == "user"]
        if not asked:
            raise BadRow("has no message of a user")
        if which == "last" and asked[-1] == len(self.messages) - 1:
            return self.messages[asked[-1]].content, ""
        answers = self._answers(after=asked[0])
        if not answers:
            return self.messages[asked[0] if which == "first" else asked[-1]].content, ""
        if which == "first":
            return self.messages[asked[0]].content, _answer_text(self.messages[answers[0]])
        before = max(place for place in asked if place < answers[-1])
        return self.messages[before].content, _answer_text(self.messages[answers[-1]])

    def _answers(self, *, after: int) -> list[int]:
        """Trained answers that have text, or else those that call, or else any."""
        places = range(after + 1, len(self.messages))
        trained = [place for place in places if self.messages[place].trained]
        with_text = [place for place in trained if self.messages[place].content.strip()]
        with_calls = [place for place in trained if self.messages[place].tool_calls]
        return with_text or with_calls or trained

    def _all(self) -> tuple[str, str]:
        heard = self._heard()
        texts = [message.full_text for message in heard]
        if heard and heard[-1].role == "assistant" and len(heard) > 1:
            return _joined(texts[:-1]), texts[-1]
        return _joined(texts), ""

    def _heard(self) -> list[Message]:
        return [
            message
            for message in self.messages
            if message.role != "system" and (message.trained or message.role != "assistant")
        ]

    def embedded(self, view: TextView) -> tuple[str, str]:
        """The text that is embedded, in two pieces that make it when joined.

        By default prompt and response joined by one space (arXiv 2406.11721); an empty response
        gives the prompt alone, whichever part is asked for.

        Returns:
            What of the text is prompt, and what is response with the space before it.
        """
        if view.exchange == "all" and view.part != "both":
            prompt, response = self._sides()
        else:
            prompt, response = self.exchange(view.exchange)
        if view.part == "prompt" or not response:
            return prompt, ""
        if view.part == "response" or not prompt:
            return "", response
        return prompt, f" {response}"

    def _sides(self) -> tuple[str, str]:
        heard = self._heard()
        asked = _joined(message.full_text for message in heard if message.role != "assistant")
        return asked, _joined(message.full_text for message in heard if message.trained)

    def text_id(self, view: TextView) -> str:
        """`tma_id`: BLAKE2b-128 of the embedded text in UTF-8, 32 hex digits."""
        return text_id("".join(self.embedded(view)))

    @property
    def whole_text(self) -> str:
        """Everything that a trainer gets: system text, every message with its calls, and tools."""
        texts = [message.full_text for message in self.messages]
        return " ".join([*texts, *(json.dumps(tool, ensure_ascii=False) for tool in self.tools)])

    @property
    def turns(self) -> tuple[str, ...]:
        """What a loss counts and what it does not, in turn: what stands before each answer, it.

        Tools come first. What follows the last answer that is trained is left out; without any
        such answer what was said stands alone.
        """
        before = [json.dumps(tool, ensure_ascii=False) for tool in self.tools]
        turns: list[str] = []
        for message in self.messages:
            if message.trained or self.whole:
                turns += [_joined(before), message.full_text]
                before = []
            else:
                before.append(message.full_text)
        return tuple(turns) if turns else (_joined(before),)

    @property
    def target_text(self) -> str:
        """Its questions, answers and calls: what a training row must not hold of a target."""
        spoken = [message for message in self.messages if message.role in ("user", "assistant")]
        return " ".join(message.full_text for message in spoken)


def text_id(text: str) -> str:
    """BLAKE2b-128 of the UTF-8 text, 32 hex digits: the same text has the same id everywhere."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


def _answer_text(message: Message) -> str:
    return message.content if message.content.strip() else message.calls_text or message.content


def _joined(texts: Iterable[str]) -> str:
    return " ".join(text for text in texts if text)
