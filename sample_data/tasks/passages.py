"""Questions about short made-up passages on shops and festivals."""

from sample_data.tasks.core import Dice, Fields, Phrasing, capital
from sample_data.tasks.pools import MONTHS, PEOPLE, SURNAMES, TOWNS, WEEKDAYS

TRADES = (
    ("bakery", "rye bread", "a former classroom"), ("bookshop", "old maps", "a converted barn"),
    ("flower shop", "dried lavender", "a narrow brick house"),
    ("toy shop", "wooden puzzles", "the old post office"),
    ("cheese shop", "goat's cheese", "a cool stone cellar"),
    ("bicycle workshop", "folding bikes", "a disused garage"),
    ("tea room", "ginger scones", "the station building"),
    ("music shop", "second-hand guitars", "a small chapel"),
    ("hardware shop", "hand-forged hinges", "a former stable"),
)  # fmt: skip

SHOPS = (
    "{who} {surname} opened a {trade} in {town} in {year}. It is housed in {building} on {street} "
    "Street and is best known for its {speciality}. {helpers} people work there. The shop is "
    "closed on {closed}s, and on every other day it opens at {hour} o'clock.",
    "Visitors to {town} should not miss the {trade} on {street} Street. It was founded in {year} "
    "by {who} {surname}, who still runs it with a team of {helpers}. The business occupies "
    "{building}. Doors open at {hour} in the morning, except on {closed}s, when it stays shut. "
    "Most customers come for the well-known {speciality}.",
    "For a long time {town} had no {trade} at all. That changed in {year}, when {who} {surname} "
    "opened one in {building} on {street} Street. Today the place has a staff of {helpers}, and "
    "its famous {speciality} can sell out before noon. Opening time is {hour} o'clock, and "
    "{closed} is the only day off.",
)

SHOP_QUESTIONS = (
    ("Who started the business?", "{who} {surname}"),
    ("In which year did it open?", "{year}"),
    ("On which day of the week is it closed?", "{closed}"),
    ("What is it best known for?", "Its {speciality}"),
    ("Which town is it in?", "{town}"),
    ("What kind of building does it use?", "{Building}"),
    ("Which street is it on?", "{street} Street"),
    ("At what time does it open?", "At {hour} o'clock"),
)

FEATURES = (
    ("lantern", "a parade of paper lanterns", "a floating stage"),
    ("village", "a sack race for all ages", "a display of old tractors"),
    ("folk music", "an all-night dance", "a workshop for fiddle players"),
    ("kite", "a team kite battle", "a tent where children build their own kites"),
    ("chocolate", "a cake competition", "a statue made of chocolate"),
    ("puppet", "a giant puppet procession", "a backstage tour"),
    ("storytelling", "a midnight ghost-story session", "a prize for the best tall tale"),
    ("river", "a raft race", "a market on boats"),
)  # fmt: skip

FESTIVALS = (
    "The {kind} festival in {town} takes place every {month}. It began in {year} with only "
    "{first} visitors; last time, {crowd} people came. The high point is {high}, held on the "
    "{day} evening. New this year is {extra}. Tickets cost {price} dollars, and children under "
    "{age} get in free.",
    "Each {month}, {town} holds its {kind} festival. Organiser {who} {surname} says that the "
    "programme will again include {high}, planned for {day} evening, and for the first time "
    "{extra}. A ticket is {price} dollars, but nobody under {age} has to pay. When the event "
    "started in {year}, just {first} people turned up. The most recent one drew {crowd}.",
    "{crowd} people visited the last {kind} festival in {town}, a long way from the {first} who "
    "attended the first one in {year}. The next takes place in {month}. Visitors can look "
    "forward to {high} on {day} evening and, as a novelty, to {extra}. Entry is {price} dollars "
    "(free for children under {age}).",
)

FESTIVAL_QUESTIONS = (
    ("In which month is the festival held?", "{month}"),
    ("When was the first festival?", "In {year}"),
    ("How many people came to the most recent festival?", "{crowd}"),
    ("How many people attended the very first one?", "{first}"),
    ("What is new this time?", "{Extra}"),
    ("How much is a ticket?", "{price} dollars"),
    ("On which evening is the main attraction?", "{day}"),
    ("Where does the event take place?", "In {town}"),
)


def shop_questions(dice: Dice) -> Fields:
    """Answer a question about a shop."""
    trade, speciality, building = dice.pick(TRADES)
    facts = {
        "who": dice.pick(PEOPLE),
        "surname": dice.pick(SURNAMES),
        "trade": trade,
        "speciality": speciality,
        "building": building,
        "Building": capital(building),
        "town": dice.pick(TOWNS),
        "street": dice.pick(("Mill", "Church", "Station", "Bridge", "King", "Orchard")),
        "year": f"{dice.between(1968, 2021)}",
        "helpers": dice.pick(("Three", "Four", "Five", "Six", "Seven")),
        "closed": dice.pick(WEEKDAYS),
        "hour": dice.pick(("seven", "eight", "nine", "ten")),
    }
    text = dice.pick(SHOPS)
    if not text.startswith("{who}"):
        facts["helpers"] = facts["helpers"].lower()
    question, answer = dice.pick(SHOP_QUESTIONS)
    return {
        "text": text.format(**facts),
        "question": question,
        "answer": answer.format(**facts),
    }


SHOP_PHRASINGS: tuple[Phrasing, ...] = (
    "Read the text and answer the question.\n\n{text}\n\n{question}",
    "{text}\n\nQuestion: {question}\nAnswer:",
    ("Passage: {text}\n\nUse the passage to answer in a few words: {question}", "{answer}."),
    "{question} Find the answer in the following description.\n\n{text}",
)


def festival_questions(dice: Dice) -> Fields:
    """Answer a question about a festival."""
    kind, high, extra = dice.pick(FEATURES)
    facts = {
        "kind": kind,
        "high": high,
        "extra": extra,
        "Extra": capital(extra),
        "who": dice.pick(PEOPLE),
        "surname": dice.pick(SURNAMES),
        "town": dice.pick(TOWNS),
        "month": dice.pick(MONTHS),
        "year": f"{dice.between(1975, 2015)}",
        "first": f"{10 * dice.between(4, 40)}",
        "crowd": f"{100 * dice.between(21, 160):,}",
        "price": f"{dice.between(4, 25)}",
        "age": f"{dice.between(6, 14)}",
        "day": dice.pick(("Friday", "Saturday", "Sunday")),
    }
    question, answer = dice.pick(FESTIVAL_QUESTIONS)
    return {
        "text": dice.pick(FESTIVALS).format(**facts),
        "question": question,
        "answer": answer.format(**facts),
    }


FESTIVAL_PHRASINGS: tuple[Phrasing, ...] = (
    "{text}\n\nAccording to this article: {question}",
    "Article: {text}\nQ: {question}\nA:",
    ("Here is a short news item.\n\n{text}\n\n{question}", "{answer}."),
    "Answer from the text only.\nQuestion: {question}\nText: {text}",
)
