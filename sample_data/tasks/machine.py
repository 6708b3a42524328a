"""Logic, JSON and small programs."""

import json
from itertools import pairwise

from sample_data.tasks.core import Dice, Fields, Phrasing, capital
from sample_data.tasks.pools import PEOPLE, TOWNS, WORDS

ORDERS = (
    ("taller", "tallest", "shortest"), ("older", "oldest", "youngest"),
    ("faster", "fastest", "slowest"), ("stronger", "strongest", "weakest"),
)  # fmt: skip

HOBBIES = ("chess", "gardening", "pottery", "cycling", "knitting", "rowing", "baking", "sailing")


def ranking_logic(dice: Dice) -> Fields:
    """Find the first or the last in a chain of comparisons."""
    people = dice.sample(PEOPLE, dice.between(3, 4))
    more, most, least = dice.pick(ORDERS)
    facts = [f"{a} is {more} than {b}." for a, b in pairwise(people)]
    top = dice.below(2) == 0
    return {
        "facts": " ".join(dice.shuffled(facts)),
        "which": most if top else least,
        "answer": people[0] if top else people[-1],
    }


RANKING_LOGIC: tuple[Phrasing, ...] = (
    "{facts} Who is the {which}?",
    "Read the clues and say who is the {which}.\n{facts}",
    ("Clues: {facts}\nQuestion: which person is the {which}?", "{answer} is the {which}."),
    "Solve this riddle. {facts} Name the {which} of them.",
)


def person_to_json(dice: Dice) -> Fields:
    """Write a sentence about a person as JSON."""
    name, town, hobby = dice.pick(PEOPLE), dice.pick(TOWNS), dice.pick(HOBBIES)
    age = dice.between(18, 79)
    text = dice.pick(
        (
            f"{name} is {age} years old, lives in {town} and enjoys {hobby}.",
            f"{capital(hobby)} is the favourite pastime of {name} ({age}), who lives in {town}.",
            f"My neighbour {name}, aged {age}, comes from {town} and loves {hobby}.",
        )
    )
    record = {"name": name, "age": age, "town": town, "hobby": hobby}
    return {"text": text, "answer": json.dumps(record)}


PERSON_TO_JSON: tuple[Phrasing, ...] = (
    "Extract the name, age, town and hobby as a JSON object: {text}",
    "Turn this sentence into JSON with the keys \"name\", \"age\", \"town\" and \"hobby\".\n{text}",
    "{text}\n\nReturn the information above as JSON (name, age, town, hobby).",
    "Input: {text}\nOutput a JSON object with the fields name, age, town, hobby:",
)  # fmt: skip


def _sum_loop(dice: Dice) -> tuple[str, str]:
    start, stop = dice.between(1, 4), dice.between(6, 11)
    code = f"total = 0\nfor i in range({start}, {stop}):\n    total += i\nprint(total)"
    return code, f"{sum(range(start, stop))}"


def _slicing(dice: Dice) -> tuple[str, str]:
    word, cut = dice.pick(WORDS), dice.between(2, 4)
    if dice.below(2):
        return f'word = "{word}"\nprint(word[:{cut}])', word[:cut]
    return f'word = "{word}"\nprint(word[{cut}:].upper())', word[cut:].upper()


def _filtering(dice: Dice) -> tuple[str, str]:
    numbers, limit = dice.sample(range(1, 40), 5), dice.between(8, 25)
    code = f"numbers = {numbers}\nprint([n for n in numbers if n > {limit}])"
    return code, f"{[n for n in numbers if n > limit]}"


def _branching(dice: Dice) -> tuple[str, str]:
    value, limit = dice.between(1, 60), dice.between(20, 40)
    low, high = dice.sample(("red", "blue", "small", "large", "left", "right"), 2)
    code = (
        f'x = {value}\nif x % 2 == 0 and x < {limit}:\n    print("{low}")\n'
        f'else:\n    print("{high}")'
    )
    return code, low if value % 2 == 0 and value < limit else high


def _counting(dice: Dice) -> tuple[str, str]:
    words = dice.sample(WORDS, 3)
    code = f"words = {json.dumps(words)}\nprint(sum(len(w) for w in words))"
    return code, f"{sum(len(word) for word in words)}"


def _lookup(dice: Dice) -> tuple[str, str]:
    first, second = dice.sample(WORDS, 2)
    a, b = dice.between(2, 30), dice.between(2, 30)
    code = f'stock = {{"{first}": {a}, "{second}": {b}}}\nstock["{first}"] += stock["{second}"]\n'
    return code + f'print(stock["{first}"])', f"{a + b}"


def python_output(dice: Dice) -> Fields:
    """Say what a short program prints."""
    make = dice.pick((_sum_loop, _slicing, _filtering, _branching, _counting, _lookup))
    code, answer = make(dice)
    return {"code": code, "answer": answer}


PYTHON_OUTPUT: tuple[Phrasing, ...] = (
    "What does this Python code print?\n\n{code}",
    "Predict the output of the program.\n```python\n{code}\n```",
    "{code}\n\nWhat is printed when the Python code above is run?",
    ("Run this in your head and give me the output:\n{code}", "The output is: {answer}"),
)
