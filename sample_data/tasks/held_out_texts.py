"""Tasks of the test set on longer texts: films, expeditions, forecasts and matches."""

from sample_data.tasks.core import Dice, Fields, Phrasing, capital

FILMS = (
    "The Glass Lighthouse", "Midnight over Tarsus", "Seven Quiet Rooms", "The Cartographer",
    "Salt and Thunder", "A Winter for Two", "Orbit of Doubt", "The Last Ferryman",
)  # fmt: skip

PRAISE = (
    "I sat in the dark cinema with tears in my eyes until the credits ended.",
    "Two hours flew by, and I could have watched two more.",
    "A debut director rarely shows such confidence.",
    "Clever dialogue, stunning photography, gorgeous music: everything fits together.",
    "The plot surprised me at every turn.",
)
PRAISE_MORE = (
    "The lead actress carries every scene.",
    "Even the minor characters feel alive.",
    "The finale had the audience cheering.",
    "Funny, tender and beautifully acted.",
    "Go and see it while it is still on the big screen.",
)
BLAME = (
    "I checked my watch three times before the halfway mark.",
    "Loud explosions cannot hide a lifeless script.",
    "The jokes fall flat and the romance is unbelievable.",
    "A talented cast is thrown away on clumsy dialogue.",
    "Rarely has a thriller been so dull.",
)
BLAME_MORE = (
    "Half the audience walked out before the end.",
    "The ending feels like an insult.",
    "The scenery looks like cardboard.",
    "The plot makes no sense and the acting is wooden.",
    "Not even the score could keep me awake.",
)

PARTIES = (
    ("Zofia Marczak", "botanist", "the Kessim plateau", "a pale blue orchid",
     "collapsed rope bridge"),
    ("Tobias Wren", "geologist", "the Ondal glacier", "a layer of volcanic ash",
     "ten-day blizzard"),
    ("Leilani Kahale", "marine biologist", "the Marrow trench", "a transparent eel",
     "broken winch"),
    ("Ravi Shenoy", "archaeologist", "the Tamerit desert", "a buried granary", "sandstorm"),
    ("Ingrid Solheim", "zoologist", "the Vessa marshes", "a colony of dwarf otters",
     "sudden bout of fever"),
    ("Mateo Quiroga", "cave explorer", "the Hollow Peaks", "an underground waterfall",
     "flooded passage"),
)  # fmt: skip

JOURNEYS = (
    "In {year}, the {job} {leader} led {size} companions to {place}. They carried food for "
    "{weeks} weeks, yet a {trouble} delayed them so badly that they had to ration it. On the "
    "{nth} day they made the discovery that would make them famous: {find}. Nobody was lost on "
    "the way home.",
    "The expedition to {place} nearly failed. Its leader, the {job} {leader}, had raised enough "
    "funds for {size} team members and supplies for {weeks} weeks. Soon after departure in {year} "
    "a {trouble} brought everything to a halt. The group pressed on, and on day {nth} their "
    "patience was rewarded with {find}.",
)

JOURNEY_QUESTIONS = (
    ("What did the explorers discover?", "{Find}"),
    ("Who was in charge of the expedition?", "{leader}"),
    ("What held the team up?", "A {trouble}"),
    ("How long were the supplies meant to last?", "{weeks} weeks"),
    ("What was the leader's profession?", "{Job}"),
    ("Where did the journey lead?", "To {place}"),
)

BULLETINS = (
    ("A deep low is moving in from the west tonight. Gusts of up to {wind} km/h are likely along "
     "the {coast} coast, and ferries to the islands may be cancelled. Secure loose objects and "
     "stay away from the shore until {hour} tomorrow.",
     "Gusts of up to {wind} km/h are likely on the {coast} coast tonight; stay off the shore until "
     "{hour}."),
    ("After a clear night, freezing fog will form in the {coast} valleys and linger until {hour}. "
     "Visibility may fall below {view} metres, so drivers should slow down and use fog lights. "
     "Hilltops will enjoy sunshine from dawn.",
     "Freezing fog in the {coast} valleys until {hour}, with visibility below {view} metres."),
    ("High pressure brings a scorching spell to the {coast} plains. Highs of {heat} °C are "
     "forecast for three days in a row. Older people should drink plenty of water, and barbecues "
     "in the woods are forbidden until further notice.",
     "Three days of up to {heat} °C on the {coast} plains; barbecues in the woods are forbidden."),
    ("Snow will spread across the {coast} uplands from {hour}. Around {snow} centimetres may "
     "settle by nightfall, more on the passes, where chains will be compulsory. In the lowlands "
     "it will only rain.",
     "About {snow} cm of snow is due in the {coast} uplands from {hour}; chains needed on passes."),
    ("A line of thunderstorms crosses the {coast} provinces this afternoon. Hailstones may damage "
     "crops and cars, and lightning could interrupt the power. The worst should be over by "
     "evening, when fresher air arrives.",
     "Thunderstorms with hail and lightning cross the {coast} provinces this afternoon and ease by "
     "evening."),
    ("Steady rain will soak the {coast} lowlands until {hour} on Sunday. With the ground already "
     "saturated, up to {view} millimetres more could push streams over their banks. Hikers are "
     "told to avoid the gorges.",
     "Up to {view} mm of rain in the {coast} lowlands until {hour} on Sunday; streams may flood."),
    ("At last a calm outlook: light winds, no rain and a mild 19 °C await the {coast} counties all "
     "week. Mornings may be a little misty near rivers, but the sun will win every day. It is a "
     "fine time for painting the fence.",
     "A calm, dry and mild week lies ahead for the {coast} counties."),
)  # fmt: skip

CLUBS = (
    "Harrow Vale", "Stonebridge United", "Port Lyle", "Redcliff Athletic", "Marsh End",
    "Quillan City", "Thornby Wanderers", "Upper Dene",
)  # fmt: skip

MATCHES = (
    "{winner} beat {loser} {high}-{low} in front of {crowd} spectators at the weekend. {hero} "
    "scored the decisive goal in the {minute}th minute, while {booked} was sent off for arguing.",
    "It took a goal by {hero} in minute {minute} to settle a tense game: {winner} {high}, {loser} "
    "{low}. {crowd} people paid to get in. The evening ended early for {booked}, who saw a red "
    "card.",
)

MATCH_DETAILS = (
    ("winning side", "{winner}"), ("losing side", "{loser}"), ("attendance", "{crowd}"),
    ("scorer of the decisive goal", "{hero}"), ("player sent off", "{booked}"),
    ("final score", "{high}-{low}"),
)  # fmt: skip


def film_review_sentiment(dice: Dice) -> Fields:
    """Judge a review of a film."""
    liked = dice.below(2) == 0
    first, second = (PRAISE, PRAISE_MORE) if liked else (BLAME, BLAME_MORE)
    return {
        "film": dice.pick(FILMS),
        "text": f"{dice.pick(first)} {dice.pick(second)}",
        "answer": "positive" if liked else "negative",
    }


FILM_REVIEW_SENTIMENT: tuple[Phrasing, ...] = (
    "Our film critic saw \"{film}\" last night and noted: {text}\nDoes the critic feel positive "
    "or negative about it?",
    "{film} – a viewer writes:\n{text}\nOverall tone, positive or negative?",
    "Tag this movie opinion with its polarity (positive/negative). \"{film}\": {text}",
    ("{text} That was someone's verdict on the film \"{film}\". What attitude does it express?",
     "A {answer} one."),
)  # fmt: skip


def expedition_questions(dice: Dice) -> Fields:
    """Answer a question about an expedition."""
    leader, job, place, find, trouble = dice.pick(PARTIES)
    facts = {
        "leader": leader,
        "job": job,
        "Job": capital(job),
        "place": place,
        "find": find,
        "Find": capital(find),
        "trouble": trouble,
        "year": f"{dice.between(1871, 1964)}",
        "size": dice.pick(("eleven", "twelve", "fourteen", "nineteen")),
        "weeks": dice.pick(("five", "six", "eight", "nine")),
    }
    journey = dice.pick(JOURNEYS)
    day = dice.pick((("31", "thirty-first"), ("40", "fortieth"), ("52", "fifty-second")))
    facts["nth"] = day[1] if "{nth} day" in journey else day[0]
    question, answer = dice.pick(JOURNEY_QUESTIONS)
    return {
        "text": journey.format(**facts),
        "question": question,
        "answer": capital(answer.format(**facts)),
    }


EXPEDITION_QUESTIONS: tuple[Phrasing, ...] = (
    "From an explorer's chronicle:\n{text}\n\nReader's query – {question}",
    "{text}\n\n{question} Reply using only what the chronicle says.",
    ("Study this account of a journey, then respond to the query that comes after it.\n{text}\n"
     "Query: {question}", "{answer}."),
    "Before you read on, keep this in mind: {question}\n\n{text}",
)  # fmt: skip


def weather_bulletin_gist(dice: Dice) -> Fields:
    """Shorten a weather forecast."""
    text, gist = dice.pick(BULLETINS)
    blanks = {
        "wind": f"{5 * dice.between(17, 26)}",
        "coast": dice.pick(("northern", "southern", "eastern", "western")),
        "hour": dice.pick(("nine o'clock", "ten o'clock", "noon")),
        "view": f"{10 * dice.between(4, 9)}",
        "heat": f"{dice.between(35, 41)}",
        "snow": f"{dice.between(8, 30)}",
    }
    return {"text": text.format(**blanks), "answer": gist.format(**blanks)}


WEATHER_BULLETIN_GIST: tuple[Phrasing, ...] = (
    "Boil this forecast down to a single line for the radio.\n{text}",
    "{text}\nGive listeners just the gist.",
    "Shorten the weather bulletin to its essentials: {text}",
    ("I missed the forecast. It went: {text} So, briefly?", "{answer}"),
)


def match_report_facts(dice: Dice) -> Fields:
    """Pull one fact out of a report on a match."""
    winner, loser = dice.sample(CLUBS, 2)
    hero, booked = dice.sample(("Duval", "Osei", "Lindqvist", "Petrov", "Takeda", "Moran"), 2)
    low = dice.between(0, 2)
    facts = {
        "winner": winner,
        "loser": loser,
        "hero": hero,
        "booked": booked,
        "low": f"{low}",
        "high": f"{low + 1}",
        "minute": f"{dice.pick((64, 67, 75, 78, 84, 86, 89))}",
        "crowd": f"{dice.between(1200, 9800):,}",
    }
    detail, answer = dice.pick(MATCH_DETAILS)
    return {
        "text": dice.pick(MATCHES).format(**facts),
        "detail": detail,
        "answer": answer.format(**facts),
    }


MATCH_REPORT_FACTS: tuple[Phrasing, ...] = (
    "Sports desk: \"{text}\" Who or what is the {detail} here?",
    "Pick out the {detail} for the league statistics. {text}",
    ("{text}\n-> {detail}?", "{answer}"),
    ("Complete the results card by filling in \"{detail}\".\n\n{text}", "{detail}: {answer}"),
)  # fmt: skip
