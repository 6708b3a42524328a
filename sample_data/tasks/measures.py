"""Days, dates and lengths."""

from datetime import date, timedelta

from sample_data.tasks.core import Dice, Fields, Phrasing, amount
from sample_data.tasks.pools import MONTHS, PEOPLE, WEEKDAYS

LENGTHS = (
    ("kilometre", "kilometres", "metre", "metres", 1000),
    ("metre", "metres", "centimetre", "centimetres", 100),
    ("foot", "feet", "inch", "inches", 12),
    ("yard", "yards", "foot", "feet", 3),
    ("mile", "miles", "yard", "yards", 1760),
)


def weekday_after(dice: Dice) -> Fields:
    """Count forward or back from a day of the week."""
    start, days = dice.below(7), dice.between(2, 45)
    back = dice.below(3) == 0
    return {
        "day": WEEKDAYS[start],
        "shift": f"{days} days ago" if back else f"{days} days from now",
        "was": "was it" if back else "will it be",
        "answer": WEEKDAYS[(start - days if back else start + days) % 7],
    }


WEEKDAY_AFTER: tuple[Phrasing, ...] = (
    "Today is {day}. What day of the week {was} {shift}?",
    ("If it is {day} today, which weekday {was} {shift}?", "{answer}."),
    "Take today to be a {day}. Name the weekday {shift}.",
    "Weekday puzzle: it is {day}. What weekday {was} {shift}? Answer with one word.",
)


def _random_date(dice: Dice, first_year: int, last_year: int) -> date:
    start = date(first_year, 1, 1)
    span = (date(last_year, 12, 31) - start).days
    return start + timedelta(days=dice.between(0, span))


def _styles(day: date) -> tuple[tuple[str, str], ...]:
    month = MONTHS[day.month - 1]
    return (
        ("year-month-day with hyphens", f"{day.year}-{day.month:02}-{day.day:02}"),
        ("day, month name, year", f"{day.day} {month} {day.year}"),
        ("month name, day, comma, year", f"{month} {day.day}, {day.year}"),
    )


def date_formats(dice: Dice) -> Fields:
    """Write a date in another style."""
    (_, given), (style, answer) = dice.sample(_styles(_random_date(dice, 1950, 2029)), 2)
    return {"given": given, "style": style, "answer": answer}


DATE_FORMATS: tuple[Phrasing, ...] = (
    "Rewrite the date {given} in this format: {style}.",
    "Change {given} to the format \"{style}\".",
    "A form wants dates as {style}. How should I enter {given}?",
    "Date: {given}\nWanted format: {style}\nRewritten date:",
)  # fmt: skip


def days_between(dice: Dice) -> Fields:
    """Count the days from one date to a later one in the same year."""
    first = _random_date(dice, 2019, 2027)
    last = date(first.year, 12, 31)
    if (last - first).days < 4:
        return days_between(dice)
    days = dice.between(3, min(90, (last - first).days))
    second = first + timedelta(days=days)
    return {
        "who": dice.pick(PEOPLE),
        "year": f"{first.year}",
        "first": f"{first.day} {MONTHS[first.month - 1]}",
        "second": f"{second.day} {MONTHS[second.month - 1]}",
        "answer": f"{days}",
    }


DAYS_BETWEEN: tuple[Phrasing, ...] = (
    "How many days are there from {first} {year} to {second} {year}?",
    (
        "In {year}, {who} posted a letter on {first} and it arrived on {second}. How many days "
        "did the letter take?",
        "The letter took {answer} days.",
    ),
    "Count the days between {first} and {second} {year}, leaving out the first date.",
    ("It is {first} {year}. How many days is it until {second}?", "{answer} days"),
)


def length_conversion(dice: Dice) -> Fields:
    """Convert a length to a smaller or a larger unit."""
    one, many, small_one, small_many, ratio = dice.pick(LENGTHS)
    count = dice.between(2, 60 if ratio < 1000 else 12)
    large = amount(count, one, many)
    small = amount(count * ratio, small_one, small_many)
    if dice.below(3) == 0:
        return {"given": small, "unit": many, "answer": large}
    return {"given": large, "unit": small_many, "answer": small}


LENGTH_CONVERSION: tuple[Phrasing, ...] = (
    "Convert {given} to {unit}.",
    "How many {unit} are there in {given}?",
    ("Express {given} in {unit}.", "{given} = {answer}"),
    ("A path is {given} long. What is its length in {unit}?", "The path is {answer} long."),
)
