"""General knowledge and geography."""

from sample_data.tasks.core import Dice, Fields, Phrasing
from sample_data.tasks.wordlists import rows

# Each line: the question, the right option, then three wrong ones.
QUIZ = """
Which planet is closest to the Sun?|Mercury|Venus|Mars|Jupiter
Which gas do plants take in for photosynthesis?|carbon dioxide|helium|hydrogen|neon
How many sides does a hexagon have?|6|5|7|8
Who wrote "Romeo and Juliet"?|William Shakespeare|Charles Dickens|Jane Austen|Mark Twain
What is the chemical symbol for gold?|Au|Ag|Go|Gd
Which organ pumps blood around the body?|the heart|the liver|the lungs|the stomach
What is the largest ocean on Earth?|the Pacific|the Atlantic|the Indian Ocean|the Arctic Ocean
How many strings does a standard violin have?|4|5|6|8
Which animal is the tallest on land?|the giraffe|the elephant|the horse|the ostrich
What do bees make from nectar?|honey|silk|milk|paper
Who painted the "Mona Lisa"?|Leonardo da Vinci|Vincent van Gogh|Claude Monet|Pablo Picasso
At what temperature does pure water freeze at sea level?|0 °C|10 °C|32 °C|100 °C
Which metal is liquid at room temperature?|mercury|iron|copper|lead
How many minutes are there in two hours?|120|100|90|200
Which instrument has black and white keys?|the piano|the harp|the flute|the drum
What is the hardest natural material?|diamond|granite|marble|chalk
Which force makes an apple fall to the ground?|gravity|friction|magnetism|buoyancy
Which of these animals is a mammal?|dolphin|shark|salmon|octopus
How many legs does a spider have?|8|6|10|4
In which sport would you use a shuttlecock?|badminton|tennis|golf|cricket
What is the main ingredient of bread?|flour|rice|cocoa|gelatine
Which part of a plant usually grows underground?|the root|the petal|the leaf|the fruit
What is H2O commonly called?|water|salt|oxygen|vinegar
What colour do you get by mixing blue and yellow paint?|green|orange|purple|pink
How many players of one football (soccer) team are on the pitch at the start?|11|9|10|12
Which of these numbers is prime?|17|15|21|27
Who developed the theory of general relativity?|Albert Einstein|Isaac Newton|Galileo Galilei|Marie Curie
Which bird cannot fly?|the ostrich|the swallow|the falcon|the gull
What is the name for a baby frog?|a tadpole|a kitten|a cub|a foal
Which shape has three sides?|a triangle|a square|a circle|a pentagon
Which material comes from sheep?|wool|cotton|linen|silk
What is the square root of 81?|9|8|7|18
Which gas makes up most of the Earth's atmosphere?|nitrogen|oxygen|argon|carbon dioxide
In which direction does the Sun rise?|the east|the west|the north|the south
Which of these is an even number?|48|37|51|95
What is used to measure temperature?|a thermometer|a barometer|a compass|a ruler
"""  # noqa: E501

# Each line: country, continent, currency, one language that is official there.
COUNTRIES = """
Japan|Asia|yen|Japanese
Brazil|South America|real|Portuguese
Mexico|North America|peso|Spanish
Germany|Europe|euro|German
France|Europe|euro|French
India|Asia|rupee|Hindi
China|Asia|yuan (renminbi)|Mandarin Chinese
Poland|Europe|złoty|Polish
South Korea|Asia|won|Korean
Thailand|Asia|baht|Thai
Vietnam|Asia|dong|Vietnamese
Egypt|Africa|pound|Arabic
Morocco|Africa|dirham|Arabic
Nigeria|Africa|naira|English
Argentina|South America|peso|Spanish
Peru|South America|sol|Spanish
Sweden|Europe|krona|Swedish
Portugal|Europe|euro|Portuguese
Greece|Europe|euro|Greek
Israel|Asia|shekel|Hebrew
Bangladesh|Asia|taka|Bengali
Mongolia|Asia|tugrik|Mongolian
Paraguay|South America|guarani|Spanish
Costa Rica|North America|colón|Spanish
"""

ASPECTS = (("continent", 1), ("currency", 2), ("official language", 3))

# Steps of everyday jobs whose order leaves no doubt.
JOBS = (
    ("making a cup of tea", "Fill the kettle with water.", "Bring the water to the boil.",
     "Pour the boiling water over the tea bag.", "Take out the tea bag and drink."),
    ("frying an egg", "Heat some oil in a pan.", "Crack the egg into the hot pan.",
     "Wait until the white is firm.", "Slide the fried egg onto a plate."),
    ("baking bread", "Mix flour, water, salt and yeast.", "Knead the dough well.",
     "Leave the kneaded dough to rise.", "Put the risen dough into the oven.",
     "Take out the finished loaf and let it cool."),
    ("posting a letter", "Write the letter.", "Fold the letter and put it in an envelope.",
     "Seal the envelope.", "Drop the sealed envelope into the letter box."),
    ("planting a tree", "Dig a deep hole.", "Place the young tree in the hole.",
     "Fill the hole around the roots with soil.", "Water the newly planted tree."),
    ("boiling pasta", "Fill a pot with water.", "Bring the water to the boil and add salt.",
     "Cook the pasta in the boiling water.", "Drain the pasta in a colander.",
     "Serve the drained pasta with sauce."),
    ("washing clothes", "Put the dirty clothes into the machine.", "Run the wash programme.",
     "Hang the wet clothes on the line.", "Fold the dry clothes and put them away."),
    ("making pancakes", "Mix flour, eggs and milk into a batter.",
     "Pour a ladle of batter into a hot pan.", "Flip the pancake when the underside is golden.",
     "Put the finished pancake on a plate."),
    ("changing a flat bicycle tyre", "Remove the wheel with the flat tyre.",
     "Take the old tube out of the tyre.", "Put a new tube into the tyre.",
     "Pump up the new tube.", "Ride off to test the repair."),
    ("making a fruit salad", "Wash the fruit.", "Cut the washed fruit into pieces.",
     "Mix the pieces in a bowl.", "Serve the mixed salad in small dishes."),
)  # fmt: skip


def general_knowledge(dice: Dice) -> Fields:
    """Choose one of four options."""
    question, right, *wrong = dice.pick(rows(QUIZ))
    options = dice.shuffled([right, *wrong])
    lines = [f"{mark}) {option}" for mark, option in zip("ABCD", options, strict=True)]
    return {
        "question": question,
        "options": "\n".join(lines),
        "answer": lines[options.index(right)],
    }


GENERAL_KNOWLEDGE: tuple[Phrasing, ...] = (
    "{question}\n{options}",
    "Choose the correct answer.\n\n{question}\n\n{options}",
    "Quiz time! {question}\n\n{options}\n\nYour choice:",
    ("Options:\n{options}\nQuestion: {question}", "The correct option is {answer}"),
)


def country_facts(dice: Dice) -> Fields:
    """Give the continent, currency or language of a country."""
    row = dice.pick(rows(COUNTRIES))
    aspect, column = dice.pick(ASPECTS)
    question = {
        "continent": f"On which continent is {row[0]}?",
        "currency": f"Which currency is used in {row[0]}?",
        "official language": f"Name an official language of {row[0]}.",
    }[aspect]
    return {
        "country": row[0],
        "aspect": aspect,
        "question": question,
        "answer": row[column],
    }


COUNTRY_FACTS: tuple[Phrasing, ...] = (
    "{question}",
    "Geography question: {question}",
    ("{question} Answer in a few words.", "{answer}"),
    "Country: {country}\nFact wanted: {aspect}\nAnswer:",
)


def step_ordering(dice: Dice) -> Fields:
    """Put the steps of an everyday job in order."""
    job, *steps = dice.pick(JOBS)
    mixed = dice.shuffled(steps)
    lines = [f"{mark}. {step}" for mark, step in zip("ABCDE", mixed, strict=False)]
    return {
        "job": job,
        "steps": "\n".join(lines),
        "answer": ", ".join("ABCDE"[mixed.index(step)] for step in steps),
    }


STEP_ORDERING: tuple[Phrasing, ...] = (
    "Put these steps for {job} in the right order. Answer with the letters.\n\n{steps}",
    "The instructions for {job} are mixed up:\n{steps}\nWhat is the correct order?",
    ("In what order should I do this? The task is {job}.\n\n{steps}", "Like this: {answer}."),
    "Steps:\n{steps}\nArrange the steps for {job} from first to last (letters only).",
)  # fmt: skip
