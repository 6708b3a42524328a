"""Sums, shares and other number work."""

from sample_data.tasks.core import Dice, Fields, Phrasing, amount
from sample_data.tasks.pools import PEOPLE

GOODS = (
    ("pencil", "pencils"), ("notebook", "notebooks"), ("loaf of bread", "loaves of bread"),
    ("bunch of tulips", "bunches of tulips"), ("postcard", "postcards"), ("mug", "mugs"),
    ("box of tea", "boxes of tea"), ("jar of honey", "jars of honey"), ("candle", "candles"),
    ("bar of soap", "bars of soap"), ("paintbrush", "paintbrushes"), ("cushion", "cushions"),
)  # fmt: skip

PACKED = (
    ("eggs", "carton", "cartons"), ("marbles", "bag", "bags"), ("books", "crate", "crates"),
    ("oranges", "net", "nets"), ("crayons", "tin", "tins"), ("muffins", "box", "boxes"),
    ("tennis balls", "tube", "tubes"), ("bulbs", "tray", "trays"),
)  # fmt: skip

ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
    (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip

SCALES = (
    ("longer", "km", "m", 1000), ("heavier", "kg", "g", 1000), ("longer", "hours", "minutes", 60),
    ("longer", "m", "cm", 100), ("heavier", "tonnes", "kg", 1000),
    ("longer", "minutes", "seconds", 60), ("longer", "weeks", "days", 7),
)  # fmt: skip


def addition(dice: Dice) -> Fields:
    """Add two whole numbers."""
    a, b = dice.between(14, 890), dice.between(14, 890)
    return {"a": f"{a}", "b": f"{b}", "answer": f"{a + b}"}


ADDITION: tuple[Phrasing, ...] = (
    "What is {a} plus {b}?",
    ("Work out the sum of {a} and {b}.", "{a} + {b} = {answer}"),
    "{a} + {b} =",
    "Add {a} to {b} and give only the number.",
    ("If I add {b} to {a}, what do I get?", "You get {answer}."),
)


def multiplication(dice: Dice) -> Fields:
    """Multiply two whole numbers."""
    a, b = dice.between(3, 25), dice.between(4, 60)
    return {"a": f"{a}", "b": f"{b}", "answer": f"{a * b}"}


MULTIPLICATION: tuple[Phrasing, ...] = (
    "What is {a} times {b}?",
    ("Multiply {a} by {b}.", "{a} × {b} = {answer}"),
    "Find the product of {a} and {b}. Reply with just the number.",
    "{a} x {b} =",
    "Calculate {a} multiplied by {b}.",
)


def percentages(dice: Dice) -> Fields:
    """Take a round percentage of a number."""
    part, whole = dice.pick((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80)), 20 * dice.between(2, 60)
    return {"part": f"{part}", "whole": f"{whole}", "answer": f"{part * whole // 100}"}


PERCENTAGES: tuple[Phrasing, ...] = (
    "What is {part}% of {whole}?",
    "Calculate {part} percent of {whole}.",
    (
        "A survey had {whole} replies, and {part}% of them were positive. How many were positive?",
        "{answer} replies were positive.",
    ),
    ("Find {part}% of the number {whole}.", "{part}% of {whole} is {answer}."),
)


def shopping_totals(dice: Dice) -> Fields:
    """Pay for two kinds of goods."""
    (one_a, many_a), (one_b, many_b) = dice.sample(GOODS, 2)
    count_a, count_b = dice.between(2, 9), dice.between(1, 6)
    price_a, price_b = dice.between(2, 15), dice.between(2, 18)
    total = count_a * price_a + count_b * price_b
    return {
        "who": dice.pick(PEOPLE),
        "first": amount(count_a, one_a, many_a),
        "second": amount(count_b, one_b, many_b),
        "price_a": f"${price_a}",
        "price_b": f"${price_b}",
        "one_a": one_a,
        "one_b": one_b,
        "answer": f"${total}",
    }


SHOPPING_TOTALS: tuple[Phrasing, ...] = (
    "{who} buys {first} at {price_a} each and {second} at {price_b} each. What is the total cost?",
    (
        "At the market, a {one_a} costs {price_a} and a {one_b} costs {price_b}. How much does "
        "{who} pay for {first} and {second}?",
        "{who} pays {answer}.",
    ),
    "Find the bill: {first} ({price_a} each), {second} ({price_b} each).",
    (
        "{who} wants {first} and {second}. Each {one_a} is {price_a} and each {one_b} is "
        "{price_b}. How much money is needed altogether?",
        "{answer} is needed altogether.",
    ),
)


def equal_sharing(dice: Dice) -> Fields:
    """Pack things and count what is left over."""
    things, one, many = dice.pick(PACKED)
    size, full = dice.between(4, 12), dice.between(3, 24)
    rest = dice.between(1, size - 1)
    return {
        "things": things,
        "one": one,
        "many": many,
        "count": f"{size * full + rest}",
        "size": f"{size}",
        "answer": f"{full} full {many}, with {rest} left over",
    }


EQUAL_SHARING: tuple[Phrasing, ...] = (
    "There are {count} {things}, and each {one} holds {size}. How many {many} can be filled, "
    "and how many {things} are left over?",
    "A shopkeeper packs {count} {things} into {many} of {size}. How many full {many} are there "
    "and how many {things} remain?",
    ("Divide {count} {things} into {many} of {size} each. Mention the remainder.", "{answer}."),
    "{count} {things}, {size} to a {one}: how many full {many}, and what remains?",
)


def number_sorting(dice: Dice) -> Fields:
    """Put four to seven numbers in order."""
    numbers: list[int] = []
    size = dice.between(4, 7)
    while len(numbers) < size:
        value = dice.between(-20, 400)
        numbers += [] if value in numbers else [value]
    down = dice.below(2) == 1
    return {
        "numbers": ", ".join(map(str, numbers)),
        "order": "from largest to smallest" if down else "from smallest to largest",
        "answer": ", ".join(map(str, sorted(numbers, reverse=down))),
    }


NUMBER_SORTING: tuple[Phrasing, ...] = (
    "Sort these numbers {order}: {numbers}",
    "Put the following numbers in order {order}.\n{numbers}",
    "Numbers: {numbers}\nList them {order}.",
    "Can you arrange {numbers} {order}?",
)


def quantity_comparison(dice: Dice) -> Fields:
    """Say which of two quantities in different units is more."""
    more, big, small, ratio = dice.pick(SCALES)
    count = dice.between(2, 12)
    step = max(1, ratio // 20)
    other = count * ratio + step * dice.between(1, 15) * dice.pick((1, -1))
    other = max(other, step)
    first, second = f"{count} {big}", f"{other:,} {small}"
    if other == 1 or other == count * ratio:
        return quantity_comparison(dice)
    pair = dice.shuffled((first, second))
    answer = first if count * ratio > other else second
    return {"more": more, "a": pair[0], "b": pair[1], "answer": answer}


QUANTITY_COMPARISON: tuple[Phrasing, ...] = (
    "Which is {more}, {a} or {b}?",
    ("Compare {a} with {b}. Which one is {more}?", "{answer} is {more}."),
    "Choose the {more} of these two: {a}; {b}.",
    "Is {a} or {b} {more}? Answer with the quantity only.",
)


def _roman(number: int) -> str:
    text = ""
    for value, letters in ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def roman_numerals(dice: Dice) -> Fields:
    """Turn digits into a Roman numeral or back."""
    number = dice.between(4, 120) if dice.below(2) else dice.between(121, 2100)
    digits, letters = f"{number}", _roman(number)
    if dice.below(2):
        return {"given": digits, "goal": "as a Roman numeral", "answer": letters}
    return {"given": letters, "goal": "in ordinary digits", "answer": digits}


ROMAN_NUMERALS: tuple[Phrasing, ...] = (
    "Write {given} {goal}.",
    "How is {given} written {goal}?",
    ("An old clock tower bears the number {given}. Show it {goal}.", "{given} is {answer}."),
    "Number: {given}\nThe same number {goal}:",
)
