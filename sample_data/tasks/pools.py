"""Names that several tasks draw from; the held-out tasks have names of their own."""

PEOPLE = (
    "Anna", "Ben", "Carla", "Daniel", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jack",
    "Kemal", "Lucy", "Maya", "Noah", "Olga", "Peter", "Rosa", "Samuel", "Tara", "Victor",
)  # fmt: skip

SURNAMES = (
    "Abbott", "Becker", "Castillo", "Dawson", "Eriksen", "Fontaine", "Gupta", "Hartley",
    "Ivanova", "Jensen", "Keller", "Lombard", "Mensah", "Novak", "Okafor", "Price",
)  # fmt: skip

TOWNS = (
    "Alderton", "Brookfield", "Copperhill", "Dunmore", "Eastwick", "Fernley", "Greyport",
    "Hollowby", "Kingsmead", "Larkhurst", "Millbrook", "Northgate", "Pinewood", "Rowanbury",
)  # fmt: skip

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

WORDS = (
    "anchor", "basket", "candle", "desert", "engine", "feather", "garden", "hammer", "island",
    "jacket", "kettle", "ladder", "magnet", "needle", "orchard", "pepper", "quarry", "ribbon",
    "saddle", "tunnel", "umbrella", "velvet", "window", "yellow", "zipper", "banana", "carpet",
    "dolphin", "elephant", "forest", "giraffe", "harbour", "insect", "jungle", "kitchen",
    "lantern", "mirror", "napkin", "octopus", "pencil", "rabbit", "silver", "thunder", "village",
    "walnut", "blanket", "cottage", "diamond", "festival", "glacier", "hospital", "letter",
    "meadow", "station", "theatre", "weather", "bridge", "pillow", "bottle", "button",
)  # fmt: skip
