"""Words and their meanings, sounds and spelling."""

from sample_data.tasks.core import Dice, Fields, Phrasing
from sample_data.tasks.pools import WORDS
from sample_data.tasks.wordlists import (
    GROUPS,
    OPPOSITES,
    PLURALS,
    RHYMES,
    SAYINGS,
    TRANSLATIONS,
    rows,
)


def _translated(dice: Dice, column: int) -> Fields:
    row = dice.pick(rows(TRANSLATIONS))
    return {"word": row[0], "answer": row[column]}


def english_to_spanish(dice: Dice) -> Fields:
    """Translate a common word into Spanish."""
    return _translated(dice, 1)


ENGLISH_TO_SPANISH: tuple[Phrasing, ...] = (
    "Translate '{word}' into Spanish.",
    "What is the Spanish word or phrase for '{word}'?",
    ("How do you say '{word}' in Spanish?", "In Spanish you say '{answer}'."),
    "English: {word}\nSpanish:",
    "Translate from English to Spanish: {word}",
)


def english_to_french(dice: Dice) -> Fields:
    """Translate a common word into French."""
    return _translated(dice, 2)


ENGLISH_TO_FRENCH: tuple[Phrasing, ...] = (
    "Translate '{word}' into French.",
    "Give the French translation of '{word}'.",
    ("How would a French speaker say '{word}'?", "A French speaker would say '{answer}'."),
    "English: {word}\nFrench:",
)


def english_to_german(dice: Dice) -> Fields:
    """Translate a common word into German."""
    return _translated(dice, 3)


ENGLISH_TO_GERMAN: tuple[Phrasing, ...] = (
    "Translate '{word}' into German.",
    "What do people in Germany say for '{word}'?",
    ("How do you say '{word}' in German?", "The German for '{word}' is '{answer}'."),
    "English: {word}\nGerman:",
)


def antonyms(dice: Dice) -> Fields:
    """Give the opposite of a word."""
    word, answer = dice.pick(rows(OPPOSITES))
    return {"word": word, "answer": answer}


ANTONYMS: tuple[Phrasing, ...] = (
    "What is the opposite of '{word}'?",
    "Give an antonym for the word '{word}'.",
    ("Name a word that means the reverse of '{word}'.", "'{answer}' is the opposite of '{word}'."),
    "Opposites: {word} ->",
)


def plurals(dice: Dice) -> Fields:
    """Give the plural of a noun."""
    word, answer = dice.pick(rows(PLURALS))
    return {"word": word, "answer": answer}


PLURALS_PHRASINGS: tuple[Phrasing, ...] = (
    "What is the plural of '{word}'?",
    "Write the plural form of the noun '{word}'.",
    ("One {word}, two ...? Fill in the missing word.", "two {answer}"),
    ("If there is more than one {word}, what do we call them?", "We call them {answer}."),
)


def rhymes(dice: Dice) -> Fields:
    """Find the word that rhymes with another."""
    groups = dice.sample(RHYMES, 4)
    word, answer = dice.sample(groups[0], 2)
    options = dice.shuffled([answer, *(dice.pick(group) for group in groups[1:])])
    return {"word": word, "options": ", ".join(options), "answer": answer}


RHYMES_PHRASINGS: tuple[Phrasing, ...] = (
    "Which of these words rhymes with '{word}'? {options}",
    "Find the rhyme for '{word}' among: {options}.",
    (
        "I am writing a poem and need a rhyme for '{word}'. Pick one from this list: {options}.",
        "'{answer}' rhymes with '{word}'.",
    ),
    "Words: {options}\nThe one that rhymes with {word}:",
)


def odd_one_out(dice: Dice) -> Fields:
    """Find the word from another group."""
    first, second = dice.sample(list(GROUPS), 2)
    odd = dice.pick(GROUPS[second])
    options = dice.shuffled([odd, *dice.sample(GROUPS[first], 3)])
    return {"options": ", ".join(options), "group": first, "answer": odd}


ODD_ONE_OUT: tuple[Phrasing, ...] = (
    "Which word is the odd one out: {options}?",
    ("Find the word that does not belong: {options}.", "{answer}; the others are {group}."),
    ("Three of these belong together and one does not. Which one?\n{options}", "{answer}"),
    (
        "{options}\nName the odd one out and give the reason.",
        "The odd one out is {answer}, because the other three are {group}.",
    ),
)


def alphabetical_order(dice: Dice) -> Fields:
    """Sort words from A to Z."""
    words = dice.sample(WORDS, dice.between(4, 7))
    return {"words": ", ".join(words), "answer": ", ".join(sorted(words))}


ALPHABETICAL_ORDER: tuple[Phrasing, ...] = (
    "Put these words in alphabetical order: {words}",
    "Sort the list from A to Z.\n{words}",
    "In what order would a dictionary list these words: {words}?",
    "Alphabetise: {words}",
)


def letter_count(dice: Dice) -> Fields:
    """Count one letter in a word."""
    word = dice.pick(WORDS)
    letter = dice.pick(word)
    return {"word": word, "letter": letter, "answer": f"{word.count(letter)}"}


LETTER_COUNT: tuple[Phrasing, ...] = (
    "How many times does the letter '{letter}' appear in '{word}'?",
    "Count the letter {letter} in the word {word}.",
    ("Look at the word \"{word}\". How many {letter}'s are in it?",
     "Occurrences of '{letter}' in '{word}': {answer}"),
    "Word: {word}\nLetter: {letter}\nNumber of occurrences:",
)  # fmt: skip


def reversed_words(dice: Dice) -> Fields:
    """Spell a word backwards."""
    word = dice.pick(WORDS)
    return {"word": word, "answer": word[::-1]}


REVERSED_WORDS: tuple[Phrasing, ...] = (
    "Spell '{word}' backwards.",
    "Reverse the letters of the word {word}.",
    "What do you get if you write '{word}' from the last letter to the first?",
    'Reverse this string: "{word}"',
)


def finish_the_saying(dice: Dice) -> Fields:
    """Complete a well-known saying."""
    start, answer = dice.pick(rows(SAYINGS))
    return {"start": start, "answer": answer}


FINISH_THE_SAYING: tuple[Phrasing, ...] = (
    "Complete the saying: {start} ...",
    ("What is the last word of this proverb? \"{start} ___\"", "{answer}"),
    ("Finish the well-known expression \"{start}...\"", "{start} {answer}."),
    ("Fill in the blank: {start} ____.", "{answer}"),
)  # fmt: skip
