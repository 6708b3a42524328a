"""Notices, orders, e-mails and tables."""

from sample_data.tasks.core import Dice, Fields, Phrasing, listed
from sample_data.tasks.pools import MONTHS, PEOPLE, SURNAMES, TOWNS, WEEKDAYS

NOTICES = (
    ("Residents of {street} Street are advised that the water supply will be turned off on {day} "
     "from {from_} to {to} while a damaged pipe is replaced. Please store enough water for the "
     "day. We apologise for the inconvenience.",
     "Water on {street} Street will be off on {day} from {from_} to {to} for a pipe repair."),
    ("Dear readers, the {town} library is changing its opening hours. Starting on {day}, it will "
     "be open from {from_} to {to}. The reading room on the first floor is not affected, and "
     "books can still be returned at any time through the box by the entrance.",
     "From {day}, the {town} library will be open from {from_} to {to}."),
    ("Drivers should note that the car park behind {town} town hall will be closed on {day}. The "
     "surface is being painted with new markings. Free parking is available on {street} Street "
     "instead, and a shuttle bus will run every twenty minutes.",
     "The {town} town hall car park is closed on {day}; park free on {street} Street instead."),
    ("Because of road works on {street} Street, bus number {number} will follow a different route "
     "from {day} onwards. It will not stop at the market or at the clinic. Passengers are asked "
     "to use the temporary stop in front of the cinema.",
     "From {day}, bus {number} is diverted by road works on {street} Street; use the stop at the "
     "cinema."),
    ("All parents of class {number} are invited to the school play on {day}. Doors open at {to} in "
     "the main hall, and there will be tea and biscuits afterwards. Seats cannot be reserved, so "
     "please come in good time.",
     "Parents of class {number} are invited to the school play on {day}; doors open at {to}."),
    ("The swimming pool in {town} will stay shut until {day}. During a routine check, staff found "
     "a fault in the heating, and a spare part has to be ordered. Members will get an extra week "
     "added to their cards at no cost.",
     "The {town} pool is shut until {day} because of a heating fault; members get a free extra "
     "week."),
    ("Would whoever borrowed the large ladder from the shed at {number} {street} Street kindly "
     "bring it back before {day}? The gutters have to be cleaned before the autumn rain. No "
     "questions will be asked, and there may even be cake.",
     "Please return the ladder to {number} {street} Street before {day}."),
)  # fmt: skip

ORDERS = (
    "Hello, my name is {who} {surname} and I am writing about order {code}. I ordered {count} "
    "{things} on {date}, but nothing has arrived in {town} yet.",
    "Order {code} was placed on {date} by {who} {surname}. Please ship {count} {things} to the "
    "{town} office.",
    "On {date} I bought {count} {things} from your website (reference {code}). They were meant "
    "for our shop in {town}. Kind regards, {who} {surname}",
    "Delivery note {code}: {count} {things}, ordered {date}, to be collected in {town} by {who} "
    "{surname}.",
)

ORDER_DETAILS = (
    ("customer's full name", "{who} {surname}"), ("order or reference number", "{code}"),
    ("number of items", "{count}"), ("name of the product", "{things}"), ("date", "{date}"),
    ("town", "{town}"),
)  # fmt: skip

EMAILS = (
    ("the meeting planned for {day} has been moved to {to} because the large room is taken until "
     "then. Please bring the figures for {month}.", "{day}'s meeting moved to {to}"),
    ("my train from {town} has been cancelled and I will not reach the office before {to} on "
     "{day}. Could you start the workshop without me?",
     "Late arrival on {day} – train cancelled"),
    ("I would like to take two weeks off in {month} to visit my family in {town}. Please let me "
     "know if that suits the team.", "Holiday request for {month}"),
    ("we are collecting money for {who}'s leaving present. If you would like to give something, "
     "the envelope is on my desk until {day}.", "Collection for {who}'s leaving present"),
    ("the printer on floor {floor} has jammed again, and this time there is smoke. Please do not "
     "use it until the technician has come on {day}.",
     "Do not use the printer on floor {floor}"),
    ("thank you for the interview on {day}. I enjoyed meeting {who} and the rest of the team, and "
     "I remain very interested in the position in {town}.", "Thank you for {day}'s interview"),
    ("the invoice for {month} has still not been paid, although it was due weeks ago. Please "
     "transfer the amount by {day}.", "Reminder: invoice for {month} is overdue"),
    ("on {day} we are celebrating {who}'s birthday with a picnic by the lake in {town}. We start "
     "at {to}. Bring a blanket and something to drink.",
     "Invitation: {who}'s birthday picnic on {day}"),
)  # fmt: skip


def _blanks(dice: Dice) -> Fields:
    start = dice.between(7, 11)
    return {
        "who": dice.pick(PEOPLE),
        "surname": dice.pick(SURNAMES),
        "town": dice.pick(TOWNS),
        "street": dice.pick(("Mill", "Church", "Station", "Bridge", "Castle", "Garden")),
        "day": dice.pick(WEEKDAYS),
        "month": dice.pick(MONTHS),
        "from_": f"{start} am",
        "to": f"{dice.between(2, 7)} pm",
        "number": f"{dice.between(2, 48)}",
        "floor": dice.pick(("two", "three", "four", "five")),
    }


def notice_summary(dice: Dice) -> Fields:
    """Sum up a notice in one line."""
    text, summary = dice.pick(NOTICES)
    blanks = _blanks(dice)
    return {"text": text.format(**blanks), "answer": summary.format(**blanks)}


NOTICE_SUMMARY: tuple[Phrasing, ...] = (
    "Summarise this notice in one sentence.\n\n{text}",
    "{text}\n\nIn one line, what is this notice about?",
    "What is the main message of the announcement below? Use one sentence.\n\n{text}",
    "Notice: {text}\nOne-sentence summary:",
)


def order_details(dice: Dice) -> Fields:
    """Pull one detail out of a message about an order."""
    blanks = _blanks(dice) | {
        "code": f"{dice.pick('ABCDEFGH')}{dice.pick('KLMNPRST')}-{dice.between(1000, 9999)}",
        "count": f"{dice.between(2, 60)}",
        "things": dice.pick(("desk lamps", "tea towels", "ink cartridges", "garden chairs",
                             "coffee mugs", "wall calendars", "rubber boots")),
        "date": f"{dice.between(1, 28)} {dice.pick(MONTHS)}",
    }  # fmt: skip
    detail, answer = dice.pick(ORDER_DETAILS)
    return {
        "text": dice.pick(ORDERS).format(**blanks),
        "detail": detail,
        "answer": answer.format(**blanks),
    }


ORDER_PHRASINGS: tuple[Phrasing, ...] = (
    "Extract the {detail} from this message: {text}",
    "{text}\n\nWhat is the {detail} mentioned above?",
    "Message: {text}\nField: {detail}\nValue:",
    ("Find the {detail} in the text.\n\n{text}", "The {detail} is: {answer}"),
)


def email_subject(dice: Dice) -> Fields:
    """Write a subject line for an e-mail."""
    text, subject = dice.pick(EMAILS)
    reader, other = dice.sample(PEOPLE, 2)
    blanks = _blanks(dice) | {"who": other}
    return {
        "text": f"Hi {reader}, {text.format(**blanks)}",
        "answer": subject.format(**blanks),
    }


EMAIL_SUBJECT: tuple[Phrasing, ...] = (
    "Write a short subject line for this e-mail:\n\n{text}",
    "{text}\n\nSuggest a subject for the e-mail above.",
    ("What would be a good subject line?\n\n\"{text}\"", "Subject: {answer}"),
    "E-mail body: {text}\nSubject line:",
)  # fmt: skip


def table_lookup(dice: Dice) -> Fields:
    """Read one cell of a small table."""
    heads = ("name", "department", "room", "extension")
    people = dice.sample(PEOPLE, 4)
    departments = dice.sample(("sales", "design", "finance", "support", "legal", "research"), 4)
    rooms = dice.sample(range(101, 140), 4)
    phones = dice.sample(range(2000, 2999), 4)
    table = [
        [p, d, f"{r}", f"{e}"]
        for p, d, r, e in zip(people, departments, rooms, phones, strict=True)
    ]
    row, column = dice.pick(table), dice.between(1, 3)
    bar = dice.pick((" | ", ", "))
    return {
        "table": "\n".join(bar.join(line) for line in [list(heads), *table]),
        "who": row[0],
        "head": heads[column],
        "others": listed([line[0] for line in table if line is not row]),
        "answer": row[column],
    }


TABLE_LOOKUP: tuple[Phrasing, ...] = (
    "{table}\n\nAccording to the table, what is {who}'s {head}?",
    "Look up {who}'s {head} in this staff list:\n\n{table}",
    ("Here is some data.\n{table}\nWhich {head} is given for {who}?", "{who}'s {head}: {answer}"),
    "Ignore the rows for {others}. What is the {head} in the remaining row?\n\n{table}",
)
