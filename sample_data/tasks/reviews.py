"""Reviews to judge and headlines to sort."""

from sample_data.tasks.core import Dice, Fields, Phrasing
from sample_data.tasks.pools import SURNAMES, TOWNS

PRODUCTS = (
    ("kettle", ("boils water in under two minutes", "is easy to clean and pours neatly"),
     ("started leaking after a week", "tastes of plastic no matter how often I rinse it")),
    ("backpack", ("has survived a year of daily use", "has a pocket for everything I carry"),
     ("ripped at the seam on the second day", "lets the rain straight through")),
    ("desk lamp", ("gives a warm, steady light", "bends exactly where I want it"),
     ("flickers whenever the heating comes on", "falls over if you so much as look at it")),
    ("vacuum cleaner", ("picks up dog hair without any trouble", "is light and surprisingly quiet"),
     ("loses suction after five minutes", "blew dust all over the carpet")),
    ("pair of headphones", ("sounds clear even on a crowded bus", "is comfortable for hours"),
     ("crackles every time I turn my head", "lost its left channel within days")),
    ("garden hose", ("unrolls without a single kink", "reaches every corner of the lawn"),
     ("burst the first time I used it", "twists itself shut all the time")),
    ("frying pan", ("heats evenly and nothing sticks", "still looks new after months"),
     ("lost its coating in three weeks", "warped as soon as it got hot")),
    ("alarm clock", ("has big digits I can read without glasses", "wakes me gently on time"),
     ("loses ten minutes a day", "went silent on the morning of my exam")),
    ("rain jacket", ("kept me dry through a whole storm", "fits well and weighs almost nothing"),
     ("soaked up water like a sponge", "arrived with a broken zip")),
    ("office chair", ("has done wonders for my back", "took only ten minutes to put together"),
     ("squeaks with every movement", "sinks slowly while I am sitting on it")),
)  # fmt: skip

GOOD_START = ("Very happy with this.", "Worth every penny.", "Better than I hoped.",
              "Bought it as a gift and ended up keeping it.", "Five stars from me.")  # fmt: skip
GOOD_END = ("I have already ordered a second one.", "I recommend it to everyone.",
            "Delivery was quick as well.", "The best one I have owned.", "")  # fmt: skip
BAD_START = ("What a waste of money.", "I wanted to like it.", "Save yourself the trouble.",
             "Looked lovely in the picture.", "One star, and that is generous.")  # fmt: skip
BAD_END = ("I have asked for a refund.", "Customer service never answered.",
           "It went straight to the bin.", "I will not buy this brand again.", "")  # fmt: skip

HEADLINES = {
    "sport": (
        "{town} Rovers win the cup after a dramatic shoot-out",
        "Injured captain {name} to miss the rest of the season",
        "Marathon record falls on the streets of {town}",
        "{name} reaches tennis semi-final in straight sets",
        "Swimmer {name} takes two golds at national championships",
    ),
    "business": (
        "Furniture maker {name} & Sons reports record profits",
        "{town} factory to close as orders dry up",
        "Shares in {name} Foods drop after sales warning",
        "Supermarket chain plans forty new shops, starting in {town}",
        "{name} Airlines agrees merger with smaller rival",
    ),
    "science": (
        "Researchers in {town} discover a new species of beetle",
        "Telescope near {town} spots a planet twice the size of Earth",
        "Ancient fossils found beneath a car park in {town}",
        "Professor {name} wins prize for work on battery chemistry",
        "Study led by Dr {name} explains how bats find their way",
    ),
    "weather": (
        "Heavy snow leaves roads around {town} blocked",
        "Heatwave to reach {town} by the weekend, forecasters say",
        "Storm tears roofs from houses in {town}",
        "Flood alert issued as river rises near {town}",
        "Thick fog expected over {town} until midday",
    ),
    "politics": (
        "Mayor {name} announces she will not stand again",
        "{town} council votes to lower the speed limit",
        "Minister {name} resigns after row over budget",
        "Parliament passes new law on rented homes",
        "Voters in {town} go to the polls in close election",
    ),
    "culture": (
        "Novelist {name} wins the country's top book prize",
        "{town} gallery opens exhibition of lost paintings",
        "Director {name} begins filming a period drama in {town}",
        "Crowds welcome jazz singer {name} on opening night",
        "{town} Opera returns with a bold new production",
    ),
    "health": (
        "{town} hospital opens new children's ward",
        "Doctors urge flu jabs before winter",
        "Nurse {name} honoured for forty years of care",
        "Trial of new asthma treatment shows promise, says Dr {name}",
        "Shortage of dentists in {town} leaves patients waiting",
    ),
}


def product_review_sentiment(dice: Dice) -> Fields:
    """Judge a short review of a product."""
    product, good, bad = dice.pick(PRODUCTS)
    happy = dice.below(2) == 0
    start, details, end = (GOOD_START, good, GOOD_END) if happy else (BAD_START, bad, BAD_END)
    review = f"{dice.pick(start)} This {product} {dice.pick(details)}. {dice.pick(end)}"
    return {
        "review": review.strip(),
        "satisfied": "Yes" if happy else "No",
        "answer": "positive" if happy else "negative",
    }


PRODUCT_REVIEW_SENTIMENT: tuple[Phrasing, ...] = (
    "Is this product review positive or negative?\n\n{review}",
    "Classify the sentiment of the review as positive or negative.\nReview: {review}\nSentiment:",
    (
        "A customer wrote: \"{review}\" Was the customer satisfied?",
        "{satisfied}, the review is {answer}.",
    ),
    "{review}\n\nDecide whether the buyer's opinion above is positive or negative.",
    "Label the following customer comment \"positive\" or \"negative\": {review}",
)  # fmt: skip


def headline_topic(dice: Dice) -> Fields:
    """Say which section of a newspaper a headline belongs to."""
    topic = dice.pick(list(HEADLINES))
    headline = dice.pick(HEADLINES[topic])
    return {
        "headline": headline.format(town=dice.pick(TOWNS), name=dice.pick(SURNAMES)),
        "topics": ", ".join(HEADLINES),
        "answer": topic,
    }


HEADLINE_TOPIC: tuple[Phrasing, ...] = (
    "Which section of the newspaper does this headline belong to?\n\"{headline}\"\n"
    "Sections: {topics}",
    "Choose the topic of the news headline from this list: {topics}.\nHeadline: {headline}",
    "Headline: {headline}\nTopics: {topics}\nBest topic:",
    (
        "News desk: sort the story \"{headline}\" under one heading ({topics}).",
        "It belongs under {answer}.",
    ),
)  # fmt: skip
