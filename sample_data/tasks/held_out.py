"""Short tasks of the test set, with names and topics that the training tasks do not use."""

from sample_data.tasks.core import Dice, Fields, Phrasing, amount
from sample_data.tasks.pools import MONTHS
from sample_data.tasks.wordlists import rows

LOSSES = (
    ("A cistern held {a:,} litres of water before the drought, and {b:,} litres have since "
     "evaporated. How many litres remain?", "litres"),
    ("Out of {a:,} seedlings in the greenhouse, the frost killed {b:,}. How many survived?",
     "seedlings"),
    ("Captain Yusuf set sail with {a:,} sacks of grain and unloaded {b:,} of them at the first "
     "harbour. How many sacks were still on board?", "sacks"),
    ("The stadium seats {a:,} fans. For tonight's match {b:,} seats stay empty. How many fans are "
     "watching?", "fans"),
    ("Wanda's stamp album had room for {a:,} stamps; only {b:,} spaces are left. How many stamps "
     "has she collected?", "stamps"),
    ("During a power cut, {b:,} of the {a:,} street lights in the valley went dark. How many kept "
     "shining?", "street lights"),
    ("A beekeeper bottled {a:,} jars in July and has already sold {b:,} of them. How many jars are "
     "still unsold?", "jars"),
    ("Mount Ferro rises {a:,} metres above the sea, and the hikers' hut stands at {b:,} metres. "
     "How many metres of climbing lie between the hut and the top?", "metres"),
    ("Of the {a:,} manuscripts in the monastery, {b:,} burned in the great fire. How many were "
     "saved?", "manuscripts"),
    ("An orchestra printed {a:,} programmes but gave away only {b:,}. How many programmes were "
     "left?", "programmes"),
)  # fmt: skip

# Each line: English, Italian.
ITALIAN = """
kitchen|cucina
wine|vino
oil|olio
tomato|pomodoro
lemon|limone
onion|cipolla
garlic|aglio
sheep|pecora
wolf|lupo
butterfly|farfalla
church|chiesa
island|isola
lake|lago
cloud|nuvola
wind|vento
autumn|autunno
sister|sorella
brother|fratello
shirt|camicia
hat|cappello
umbrella|ombrello
pencil|matita
enjoy your meal|buon appetito
happy new year|buon anno
"""

CONTRACTS = (
    "library card, renewed", "fishing licence, issued", "phone contract, signed",
    "parking permit, granted", "museum pass, bought", "insurance policy, taken out",
)  # fmt: skip

MEASURES = (
    ("tablespoon", "teaspoon", 3, "vanilla syrup"), ("US cup", "tablespoon", 16, "cream"),
    ("litre", "millilitre", 1000, "vegetable stock"), ("US gallon", "US quart", 4, "lemonade"),
    ("US quart", "US pint", 2, "buttermilk"), ("pound", "ounce", 16, "minced beef"),
    ("kilogram", "gram", 1000, "plain flour"),
)  # fmt: skip

CAPITALS = """
Canada|Ottawa
Australia|Canberra
Italy|Rome
Spain|Madrid
Norway|Oslo
Finland|Helsinki
Denmark|Copenhagen
Austria|Vienna
Hungary|Budapest
Ireland|Dublin
Turkey|Ankara
Kenya|Nairobi
Ghana|Accra
Chile|Santiago
Colombia|Bogotá
Cuba|Havana
Iran|Tehran
Nepal|Kathmandu
Croatia|Zagreb
Iceland|Reykjavik
Ukraine|Kyiv
"""

# Each line: a word, its synonym, then three words of other meanings.
SYNONYMS = """
rapid|swift|gentle|hollow|distant
begin|commence|purchase|polish|wander
difficult|challenging|colourful|frozen|ordinary
purchase|buy|hide|borrow|paint
huge|enormous|bitter|nearby|fragile
assist|help|scold|measure|vanish
silent|noiseless|muddy|eager|crooked
intelligent|clever|dusty|lonely|circular
repair|mend|whisper|harvest|divide
frightened|scared|thirsty|proud|sleepy
reply|respond|climb|gather|pour
vacant|unoccupied|striped|costly|rusty
error|mistake|harbour|feast|ribbon
gather|collect|sneeze|melt|argue
famous|renowned|damp|shy|parallel
wealthy|affluent|drowsy|oval|spicy
conceal|hide|boil|salute|repeat
"""


def subtraction_stories(dice: Dice) -> Fields:
    """Take one number from another in a story."""
    story, unit = dice.pick(LOSSES)
    whole = dice.between(400, 6000)
    gone = dice.between(60, whole - 90)
    return {
        "story": story.format(a=whole, b=gone),
        "unit": unit,
        "answer": f"{whole - gone:,}",
    }


SUBTRACTION_STORIES: tuple[Phrasing, ...] = (
    ("{story}", "{answer} {unit}"),
    ("Solve this story problem step by step in your head, then state the result. {story}",
     "{answer} {unit}"),
    "{story} (A bare figure is enough.)",
    ("From a pupil's exercise sheet – {story}", "Answer: {answer} {unit}"),
)  # fmt: skip


def english_to_italian(dice: Dice) -> Fields:
    """Translate a common word into Italian."""
    word, answer = dice.pick(rows(ITALIAN))
    return {"word": word, "answer": answer}


ENGLISH_TO_ITALIAN: tuple[Phrasing, ...] = (
    "I'm labelling flashcards for my Italian class. What goes on the back of the card that reads "
    "'{word}'?",
    "Which Italian term corresponds to the English \"{word}\"?",
    "My pen pal in Bologna only speaks Italian. Please render \"{word}\" so that she understands.",
    ("Italian vocabulary drill – {word}: ?", "{word}: {answer}"),
)  # fmt: skip


def months_ahead(dice: Dice) -> Fields:
    """Count months forward from a month."""
    start, months = dice.below(12), dice.between(3, 21)
    thing, verb = dice.pick(CONTRACTS).split(", ")
    return {
        "thing": thing,
        "verb": verb,
        "month": MONTHS[start],
        "months": f"{months}",
        "answer": MONTHS[(start + months) % 12],
    }


MONTHS_AHEAD: tuple[Phrasing, ...] = (
    "My {thing} was {verb} in {month} and runs out {months} months later. In which month does "
    "it run out?",
    "Beginning in {month} and moving {months} months forward on the calendar, where do you land?",
    ("A reminder for the {thing} ({verb} in {month}) is due after {months} months. Give the month "
     "of the reminder.", "The reminder is due in {answer}."),
    "Renovation starts in {month}; guests may return {months} months afterwards. Month of return?",
)  # fmt: skip


def kitchen_measures(dice: Dice) -> Fields:
    """Convert an amount in a recipe."""
    large, small, ratio, food = dice.pick(MEASURES)
    count = dice.between(2, 9)
    return {
        "food": food,
        "given": amount(count, large),
        "small": f"{small}s",
        "answer": amount(count * ratio, small),
    }


KITCHEN_MEASURES: tuple[Phrasing, ...] = (
    "The cookbook asks for {given} of {food}, but my scoop is marked in {small}. How much is that?",
    ("Chef's question: {given} of {food} equals what number of {small}?", "It equals {answer}."),
    "Rewrite this ingredient line using {small} instead: {given} {food}",
    "We have {given} of {food} in the pantry. State the amount in {small}.",
)


def capital_cities(dice: Dice) -> Fields:
    """Name the capital of a country."""
    country, answer = dice.pick(rows(CAPITALS))
    return {"country": country, "answer": answer}


CAPITAL_CITIES: tuple[Phrasing, ...] = (
    "What is the capital of {country}?",
    ("Name the capital city of {country}.", "{answer} is the capital of {country}."),
    "Travel desk: which city serves as the capital of {country}?",
    "Pub trivia, round three: {country}'s capital, please.",
)


def synonym_choice(dice: Dice) -> Fields:
    """Choose the word with the same meaning."""
    word, right, *wrong = dice.pick(rows(SYNONYMS))
    options = dice.shuffled([right, *wrong])
    return {"word": word, "options": " / ".join(options), "answer": right}


SYNONYM_CHOICE: tuple[Phrasing, ...] = (
    "Select the synonym of \"{word}\" – {options}",
    "Someone used \"{word}\" twice in one paragraph. Replace one of them with whichever of these "
    "comes closest in meaning: {options}.",
    ("{options}: only one means roughly the same as \"{word}\". Identify it.",
     "\"{answer}\" means roughly the same as \"{word}\"."),
    "Thesaurus check. {word} ≈ ? ({options})",
)  # fmt: skip
