"""The committed sample data is what the generator writes, and its answers are right."""

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "sample_data"
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
MONTHS = (
    "January February March April May June July August September October November December"
).split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

Row = dict[str, Any]


def read_train() -> list[Row]:
    """Return the committed training rows."""
    text = (FOLDER / "train.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def read_test() -> list[Row]:
    """Return the committed test rows."""
    rows: list[Row] = json.loads((FOLDER / "test.json").read_text(encoding="utf-8"))
    return rows


def texts(row: Row) -> tuple[str, str]:
    """Return a row's prompt and response."""
    human, gpt = row["conversations"]
    return human["value"], gpt["value"]


def of_task(rows: list[Row], name: str) -> list[tuple[str, str]]:
    """Return the prompts and responses of one task."""
    found = [texts(row) for row in rows if row["source"] == name]
    assert found
    return found


def whole_numbers(text: str) -> list[int]:
    """Return the whole numbers in a text, read without their thousands commas."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def registered(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the generator's training and test tasks."""
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    from sample_data.tasks.registry import TEST, TRAIN

    return dict(TRAIN), dict(TEST)


def trigrams(text: str) -> set[tuple[str, ...]]:
    """Return the runs of three words in a text."""
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_generator_writes_the_committed_files(tmp_path: Path) -> None:
    """Run as a script from elsewhere, it writes the committed bytes."""
    command = [sys.executable, str(FOLDER / "generate.py"), "--out", str(tmp_path / "new")]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("train.jsonl", "test.json"):
        assert (tmp_path / "new" / name).read_bytes() == (FOLDER / name).read_bytes()


def test_rows_have_the_flan_mini_form() -> None:
    """Every row has an identifier of its task and two non-empty turns."""
    rows = read_train() + read_test()
    for row in rows:
        assert list(row) == ["id", "source", "conversations"]
        assert re.fullmatch(re.escape(row["source"]) + r"-\d{4}", row["id"])
        assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt"]
        assert all(text == text.strip() and text for text in texts(row))
        assert len(texts(row)[0].split()) <= 130
        assert "{" not in texts(row)[0] or row["source"] == "python_output"
    assert len({row["id"] for row in rows}) == len(rows)


def test_counts_are_those_of_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task has its registered number of rows, and the readme states it."""
    train, test = registered(monkeypatch)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for tasks, rows in ((train, read_train()), (test, read_test())):
        assert Counter(row["source"] for row in rows) == {n: t.rows for n, t in tasks.items()}
        for name, task in tasks.items():
            assert re.search(rf"\| `{name}` \|.*\| {task.rows} \|", readme)
    assert 1400 <= len(read_train()) <= 1600
    assert 140 <= len(read_test()) <= 160


def test_no_task_is_in_both_sets() -> None:
    """The test set holds unseen tasks only."""
    train = {row["source"] for row in read_train()}
    assert train.isdisjoint(row["source"] for row in read_test())


def test_no_text_comes_twice() -> None:
    """No two rows of either set have the same prompt and response."""
    seen = Counter(texts(row) for row in read_train() + read_test())
    assert seen.most_common(1)[0][1] == 1


def test_tasks_are_phrased_in_several_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task has at least four phrasings, and rows enough to use them all."""
    train, test = registered(monkeypatch)
    for task in [*train.values(), *test.values()]:
        prompts = {p if isinstance(p, str) else p[0] for p in task.phrasings}
        assert 4 <= len(prompts) == len(task.phrasings) <= task.rows


def test_no_test_prompt_is_close_to_a_training_prompt() -> None:
    """No test prompt has half its runs of three words from one training prompt."""
    train = [trigrams(texts(row)[0]) for row in read_train()]
    for row in read_test():
        runs = trigrams(texts(row)[0])
        assert max(len(runs & other) for other in train) < 0.5 * max(len(runs), 4)


def test_sums_and_products_are_right() -> None:
    """Additions, multiplications, percentages and subtractions hold."""
    train = read_train()
    for prompt, response in of_task(train, "addition"):
        assert whole_numbers(response)[-1] == sum(whole_numbers(prompt))
    for prompt, response in of_task(train, "multiplication"):
        a, b = whole_numbers(prompt)
        assert whole_numbers(response)[-1] == a * b
    for prompt, response in of_task(train, "percentages"):
        percent, base = sorted(whole_numbers(prompt), key=lambda n: f"{n}%" not in prompt)
        if "percent of" in prompt:
            percent, base = whole_numbers(prompt)
        assert whole_numbers(response)[-1] * 100 == percent * base
    for prompt, response in of_task(read_test(), "subtraction_stories"):
        low, high = sorted(whole_numbers(prompt))
        assert whole_numbers(response) == [high - low]


def test_shares_and_bills_are_right() -> None:
    """Packing leaves what division leaves, and bills add up."""
    for prompt, response in of_task(read_train(), "equal_sharing"):
        full, rest = whole_numbers(response)
        size, count = sorted(whole_numbers(prompt))
        assert (full, rest) == divmod(count, size)
    for prompt, response in of_task(read_train(), "shopping_totals"):
        prices = [int(price) for price in re.findall(r"\$(\d+)", prompt)]
        counts = [int(count) for count in re.findall(r"(?<![$\d])\d+", prompt)]
        assert whole_numbers(response) == [prices[0] * counts[0] + prices[1] * counts[1]]


def test_sorted_lists_are_sorted() -> None:
    """Sorted numbers and words are in order and are those of the prompt."""
    for prompt, response in of_task(read_train(), "number_sorting"):
        numbers = [int(number) for number in response.split(", ")]
        assert sorted(map(int, re.findall(r"-?\d+", prompt))) == sorted(numbers)
        assert numbers == sorted(numbers, reverse="from largest" in prompt)
    for prompt, response in of_task(read_train(), "alphabetical_order"):
        words = response.split(", ")
        assert words == sorted(words)
        assert all(word in prompt for word in words)


def test_roman_numerals_are_right() -> None:
    """Reading the numeral gives the digits."""
    for prompt, response in of_task(read_train(), "roman_numerals"):
        digits = re.findall(r"\d+", prompt + " " + response)[0]
        letters = re.findall(r"\b[IVXLCDM]+\b", prompt + " " + response)[0]
        values = [ROMAN[letter] for letter in letters]
        pairs = zip(values, [*values[1:], 0], strict=True)
        assert sum(-a if a < b else a for a, b in pairs) == int(digits)


def test_weekdays_and_months_are_right() -> None:
    """Counting on from a weekday or a month ends at the answer."""
    for prompt, response in of_task(read_train(), "weekday_after"):
        start = next(i for i, day in enumerate(WEEKDAYS) if day in prompt)
        days = whole_numbers(prompt)[0] * (-1 if "ago" in prompt else 1)
        assert response.rstrip(".") == WEEKDAYS[(start + days) % 7]
    for prompt, response in of_task(read_test(), "months_ahead"):
        start = next(i for i, month in enumerate(MONTHS) if month in prompt)
        assert MONTHS[(start + whole_numbers(prompt)[0]) % 12] in response


def test_days_between_dates_are_right() -> None:
    """The calendar agrees with the number of days."""
    for prompt, response in of_task(read_train(), "days_between"):
        year = int(re.findall(r"\b20\d\d\b", prompt)[0])
        first, second = [
            date(year, MONTHS.index(month) + 1, int(day))
            for day, month in re.findall(rf"\b(\d+) ({'|'.join(MONTHS)})", prompt)
        ]
        assert whole_numbers(response) == [(second - first).days]


def test_programs_print_what_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    """Running each program gives the response."""
    for prompt, response in of_task(read_train(), "python_output"):
        code = [line for line in prompt.splitlines() if re.search(r"^ |[=(:]", line)]
        code = [line for line in code if not line.startswith("Run this")]
        exec("\n".join(code), {})
        assert response.endswith(capsys.readouterr().out.strip())


def test_answers_to_passages_are_in_them() -> None:
    """Answers taken from a text stand in that text."""
    names = ("shop_questions", "festival_questions", "order_details", "table_lookup")
    pairs = [pair for name in names for pair in of_task(read_train(), name)]
    for name in ("expedition_questions", "match_report_facts"):
        pairs += of_task(read_test(), name)
    for prompt, response in pairs:
        answer = re.sub(r"^(The [a-z' ]+ is|[\w' ]+): ", "", response).rstrip(".").lower()
        words = re.findall(r"[\w'-]+", re.sub(r"^(in|to|at|its|a) ", "", answer))
        assert all(w in prompt.lower() for w in words) or re.fullmatch(r"\d-\d", answer)


def test_json_answers_match_the_sentence() -> None:
    """Every value of a JSON answer comes from the prompt."""
    for prompt, response in of_task(read_train(), "person_to_json"):
        record = json.loads(response)
        assert list(record) == ["name", "age", "town", "hobby"]
        assert all(str(value).lower() in prompt.lower() for value in record.values())
