"""Curated tables about words."""

TRANSLATIONS = """
house|casa|maison|Haus
water|agua|eau|Wasser
bread|pan|pain|Brot
milk|leche|lait|Milch
apple|manzana|pomme|Apfel
dog|perro|chien|Hund
cat|gato|chat|Katze
bird|pájaro|oiseau|Vogel
horse|caballo|cheval|Pferd
cow|vaca|vache|Kuh
book|libro|livre|Buch
school|escuela|école|Schule
chair|silla|chaise|Stuhl
window|ventana|fenêtre|Fenster
door|puerta|porte|Tür
garden|jardín|jardin|Garten
tree|árbol|arbre|Baum
flower|flor|fleur|Blume
sun|sol|soleil|Sonne
moon|luna|lune|Mond
star|estrella|étoile|Stern
rain|lluvia|pluie|Regen
snow|nieve|neige|Schnee
mountain|montaña|montagne|Berg
river|río|rivière|Fluss
sea|mar|mer|Meer
city|ciudad|ville|Stadt
street|calle|rue|Straße
bridge|puente|pont|Brücke
hand|mano|main|Hand
eye|ojo|œil|Auge
head|cabeza|tête|Kopf
heart|corazón|cœur|Herz
red|rojo|rouge|rot
green|verde|vert|grün
black|negro|noir|schwarz
white|blanco|blanc|weiß
small|pequeño|petit|klein
new|nuevo|nouveau|neu
today|hoy|aujourd'hui|heute
tomorrow|mañana|demain|morgen
yesterday|ayer|hier|gestern
night|noche|nuit|Nacht
week|semana|semaine|Woche
month|mes|mois|Monat
summer|verano|été|Sommer
winter|invierno|hiver|Winter
egg|huevo|œuf|Ei
cheese|queso|fromage|Käse
salt|sal|sel|Salz
sugar|azúcar|sucre|Zucker
key|llave|clé|Schlüssel
knife|cuchillo|couteau|Messer
spoon|cuchara|cuillère|Löffel
shoe|zapato|chaussure|Schuh
to eat|comer|manger|essen
to drink|beber|boire|trinken
to sleep|dormir|dormir|schlafen
to read|leer|lire|lesen
to write|escribir|écrire|schreiben
to sing|cantar|chanter|singen
to swim|nadar|nager|schwimmen
good night|buenas noches|bonne nuit|gute Nacht
see you tomorrow|hasta mañana|à demain|bis morgen
thank you very much|muchas gracias|merci beaucoup|vielen Dank
happy birthday|feliz cumpleaños|joyeux anniversaire|alles Gute zum Geburtstag
"""

OPPOSITES = """
hot|cold
early|late
full|empty
strong|weak
rich|poor
heavy|light
wide|narrow
deep|shallow
noisy|quiet
brave|cowardly
generous|stingy
polite|rude
ancient|modern
victory|defeat
arrive|depart
accept|refuse
increase|decrease
remember|forget
succeed|fail
expand|shrink
north|south
above|below
inside|outside
always|never
love|hate
war|peace
sharp|blunt
smooth|rough
wet|dry
thick|thin
tall|short
clean|dirty
cheap|expensive
safe|dangerous
lend|borrow
question|answer
maximum|minimum
optimist|pessimist
push|pull
laugh|cry
awake|asleep
guilty|innocent
temporary|permanent
visible|invisible
possible|impossible
honest|dishonest
natural|artificial
guest|host
praise|criticise
attack|defend
"""

PLURALS = """
child|children
foot|feet
tooth|teeth
goose|geese
mouse|mice
woman|women
ox|oxen
leaf|leaves
knife|knives
wolf|wolves
shelf|shelves
loaf|loaves
half|halves
thief|thieves
city|cities
baby|babies
party|parties
butterfly|butterflies
country|countries
box|boxes
bus|buses
dish|dishes
watch|watches
potato|potatoes
tomato|tomatoes
hero|heroes
echo|echoes
piano|pianos
photo|photos
radio|radios
sheep|sheep
deer|deer
salmon|salmon
aircraft|aircraft
species|species
crisis|crises
thesis|theses
oasis|oases
phenomenon|phenomena
criterion|criteria
bacterium|bacteria
key|keys
monkey|monkeys
church|churches
roof|roofs
belief|beliefs
son-in-law|sons-in-law
passer-by|passers-by
glass|glasses
story|stories
"""

SAYINGS = """
Actions speak louder than|words
Better late than|never
The early bird catches the|worm
A picture is worth a thousand|words
Don't count your chickens before they|hatch
Where there's smoke, there's|fire
The grass is always greener on the other side of the|fence
Don't judge a book by its|cover
Practice makes|perfect
Two wrongs don't make a|right
When in Rome, do as the Romans|do
Every cloud has a silver|lining
A bird in the hand is worth two in the|bush
An apple a day keeps the doctor|away
Honesty is the best|policy
Look before you|leap
Too many cooks spoil the|broth
Don't put all your eggs in one|basket
All that glitters is not|gold
The pen is mightier than the|sword
When the cat's away, the mice will|play
You can't teach an old dog new|tricks
Birds of a feather flock|together
A watched pot never|boils
Absence makes the heart grow|fonder
Rome wasn't built in a|day
A stitch in time saves|nine
Curiosity killed the|cat
Don't bite the hand that feeds|you
Let sleeping dogs|lie
A rolling stone gathers no|moss
You can lead a horse to water, but you can't make it|drink
Don't cry over spilt|milk
The apple doesn't fall far from the|tree
Necessity is the mother of|invention
Strike while the iron is|hot
"""

RHYMES = (
    ("cake", "lake", "snake", "bake"),
    ("light", "night", "kite", "bright"),
    ("moon", "spoon", "June", "tune"),
    ("tree", "bee", "key", "sea"),
    ("house", "mouse", "blouse"),
    ("chair", "bear", "hair", "square"),
    ("rain", "train", "plane", "chain"),
    ("ball", "tall", "wall", "small"),
    ("king", "ring", "string", "spring"),
    ("boat", "coat", "goat", "note"),
    ("cat", "hat", "bat", "mat"),
    ("bell", "shell", "well", "smell"),
    ("sock", "clock", "rock"),
    ("star", "car", "guitar", "jar"),
    ("nose", "rose", "toes", "hose"),
    ("hand", "sand", "land", "stand"),
)

GROUPS = {
    "fruits": ("apple", "pear", "banana", "mango", "grape", "cherry", "strawberry"),
    "musical instruments": ("violin", "trumpet", "flute", "piano", "cello", "clarinet"),
    "tools": ("hammer", "screwdriver", "saw", "spanner", "chisel", "drill"),
    "vehicles": ("bus", "lorry", "bicycle", "tram", "motorbike", "van"),
    "insects": ("ant", "beetle", "wasp", "moth", "grasshopper", "mosquito"),
    "birds": ("sparrow", "owl", "eagle", "robin", "pigeon", "penguin"),
    "pieces of furniture": ("sofa", "table", "wardrobe", "bookcase", "armchair", "desk"),
    "clothes": ("shirt", "trousers", "coat", "skirt", "jumper", "scarf"),
    "vegetables": ("carrot", "cabbage", "spinach", "leek", "broccoli", "cauliflower"),
    "sports": ("tennis", "hockey", "rugby", "swimming", "badminton", "volleyball"),
    "metals": ("iron", "copper", "zinc", "silver", "nickel", "aluminium"),
    "planets": ("Mars", "Venus", "Saturn", "Neptune", "Jupiter", "Uranus"),
    "languages": ("Spanish", "Japanese", "Arabic", "Polish", "Swahili", "Hindi"),
}


def rows(table: str) -> list[list[str]]:
    """Return the lines of a table, each split at its bars."""
    return [line.split("|") for line in table.strip().splitlines()]
