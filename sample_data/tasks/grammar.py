"""Sentences to correct or to rewrite."""

from sample_data.tasks.core import Dice, Fields, Phrasing, capital
from sample_data.tasks.pools import PEOPLE, WEEKDAYS

PLACES = ("library", "market", "swimming pool", "museum", "bakery", "park", "cinema", "gym")
FOODS = ("pasta", "soup", "rice", "porridge", "cake", "salad", "noodles", "pizza")
THINGS = (
    "plate", "bottle", "magazine", "lamp", "toy", "box", "vase", "hat", "suitcase", "poster",
)  # fmt: skip

MISTAKES = (
    ("{who} go to the {place} every {day}.", "{who} goes to the {place} every {day}."),
    ("Yesterday we eat {food} near the {place}.", "Yesterday we ate {food} near the {place}."),
    ("There is too many {things} in the hall.", "There are too many {things} in the hall."),
    ("{who} don't like {food}.", "{who} doesn't like {food}."),
    ("This {thing} is more bigger than that one.", "This {thing} is bigger than that one."),
    ("I have less {things} than {who}.", "I have fewer {things} than {who}."),
    ("Me and {who} are going to the {place}.", "{who} and I are going to the {place}."),
    ("Their is a {thing} on the table.", "There is a {thing} on the table."),
    ("The dog wagged it's tail when {who} came.", "The dog wagged its tail when {who} came."),
    ("{who} has went to the {place}.", "{who} has gone to the {place}."),
    ("{who} sang very good on {day}.", "{who} sang very well on {day}."),
    ("{who} didn't saw the {thing}.", "{who} didn't see the {thing}."),
    ("We was at the {place} last {day}.", "We were at the {place} last {day}."),
    ("Each of the {things} have a label.", "Each of the {things} has a label."),
    ("{who} could of bought the {thing}.", "{who} could have bought the {thing}."),
    ("I am agree with {who} about the {thing}.", "I agree with {who} about the {thing}."),
    ("{who} is interested on the {thing}.", "{who} is interested in the {thing}."),
    ("The {things} was lost on {day}.", "The {things} were lost on {day}."),
)  # fmt: skip

DEEDS = (
    (("repaired",), ("the clock", "the bicycle", "the broken gate"),
     ("the mechanic", "my uncle", "two volunteers")),
    (("wrote", "written"), ("the report", "the school play", "a long letter"),
     ("the students", "my grandmother", "a young journalist")),
    (("painted",), ("the fence", "the portrait", "the garden shed"),
     ("our neighbour", "the art class", "a local artist")),
    (("ate", "eaten"), ("the last biscuit", "the whole cake", "a ripe pear"),
     ("the children", "a hungry dog", "my brother")),
    (("built",), ("the treehouse", "the stone bridge", "a small cabin"),
     ("the carpenter", "the scouts", "my cousins")),
    (("took", "taken"), ("the photograph", "the wrong coat"),
     ("a tourist", "the new assistant", "my aunt")),
    (("sang", "sung"), ("the opening song", "an old ballad"),
     ("the choir", "the twins", "a street musician")),
    (("chose", "chosen"), ("the winning design", "the new colour", "the team captain"),
     ("the judges", "the committee", "the teacher")),
    (("delivered",), ("the parcel", "the morning newspaper", "a heavy crate"),
     ("the courier", "a cheerful driver", "the postman")),
    (("drove", "driven"), ("the school bus", "the red van"),
     ("my neighbour", "a trainee", "the caretaker")),
)  # fmt: skip

ACTIONS = (
    "close the window", "send me the report", "turn down the music", "pass the salt",
    "move your car", "answer the phone", "wait outside", "fill in this form", "speak more slowly",
    "show me your ticket", "clean the whiteboard", "book a table for four", "feed the cat",
    "check these figures", "carry this box upstairs", "bring another chair", "explain the rules",
    "lock the door", "water the plants", "sign the contract", "turn off the lights",
    "stop tapping the desk", "give me directions to the station", "return my umbrella",
    "help me with the dishes", "call me back", "print ten copies", "keep the corridor clear",
)  # fmt: skip


def grammar_correction(dice: Dice) -> Fields:
    """Correct one mistake in a sentence."""
    wrong, right = dice.pick(MISTAKES)
    thing = dice.pick(THINGS)
    blanks = {
        "who": dice.pick(PEOPLE),
        "place": dice.pick(PLACES),
        "food": dice.pick(FOODS),
        "day": dice.pick(WEEKDAYS),
        "thing": thing,
        "things": thing + ("es" if thing.endswith("x") else "s"),
    }
    return {"wrong": wrong.format(**blanks), "answer": right.format(**blanks)}


GRAMMAR_CORRECTION: tuple[Phrasing, ...] = (
    "Correct the grammar in this sentence: {wrong}",
    "There is one mistake in the sentence below. Write the sentence without it.\n{wrong}",
    ("Is this sentence right? If not, fix it. \"{wrong}\"", "No. It should be: {answer}"),
    "Rewrite in correct English: {wrong}",
    "Wrong: {wrong}\nRight:",
)  # fmt: skip


def passive_voice(dice: Dice) -> Fields:
    """Turn an active sentence into a passive one."""
    forms, things, people = dice.pick(DEEDS)
    thing, who = dice.pick(things), dice.pick(people)
    return {
        "active": capital(f"{who} {forms[0]} {thing}."),
        "answer": capital(f"{thing} was {forms[-1]} by {who}."),
    }


PASSIVE_VOICE: tuple[Phrasing, ...] = (
    "Rewrite this sentence in the passive voice: {active}",
    "Change from active to passive: {active}",
    "Turn the sentence around so that it uses the passive.\n{active}",
    "Active: {active}\nPassive:",
)


def polite_requests(dice: Dice) -> Fields:
    """Make a blunt order polite."""
    action = dice.pick(ACTIONS)
    blunt = dice.pick(("{}!", "{} now.", "{}, and hurry up."))
    return {"action": action, "order": capital(blunt.format(action))}


POLITE_REQUESTS: tuple[Phrasing, ...] = (
    ("Make this request more polite: {order}", "Could you please {action}?"),
    (
        "A colleague wrote \"{order}\" Rewrite it in a friendly and polite way.",
        "Hello! Could you please {action}? Thank you for your help.",
    ),
    ("Rewrite politely: {order}", "Would you please {action}?"),
    (
        "How could I say this more courteously? \"{order}\"",
        "You could say: \"Would you be so kind as to {action}?\"",
    ),
)  # fmt: skip
