"""Small facts, spelling, letters."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, article, capital
from aloud_nano.grammar.numbers import words

SPELLABLE = (
    "apple banana orange table chair window garden summer winter school friend yellow purple "
    "doctor music coffee kitchen bottle pencil paper flower animal rabbit tiger monkey "
    "elephant mountain river ocean island bridge castle dragon planet rocket engine guitar "
    "violin camera letter number button circle square triangle weather thunder breakfast "
    "dinner lunch sugar pepper butter cheese chicken salad lemon cherry grape melon carrot "
    "potato tomato onion garlic house street station airport ticket travel holiday birthday "
    "present family mother father sister brother morning evening night monday friday question "
    "answer silver golden copper metal wooden glass mirror pillow blanket sweater jacket "
    "shirt trousers shoes hammer needle thread"
).split()

OPPOSITES = dict(
    hot="cold", big="small", up="down", left="right", fast="slow", happy="sad", light="dark",
    open="closed", old="young", early="late", full="empty", hard="soft", high="low", long="short",
    loud="quiet", near="far", new="old", rich="poor", strong="weak", tall="short", thick="thin",
    wet="dry", day="night", true="false", good="bad", heavy="light", clean="dirty",
    easy="difficult", first="last", inside="outside", push="pull", win="lose", love="hate",
    buy="sell", begin="end", north="south", east="west",
)  # fmt: skip

CAPITALS = {
    "france": "paris", "germany": "berlin", "italy": "rome", "spain": "madrid",
    "england": "london", "japan": "tokyo", "china": "beijing", "russia": "moscow",
    "greece": "athens", "egypt": "cairo", "canada": "ottawa", "australia": "canberra",
    "brazil": "brasilia", "portugal": "lisbon", "sweden": "stockholm", "norway": "oslo",
    "finland": "helsinki", "poland": "warsaw", "austria": "vienna", "ireland": "dublin",
    "india": "new delhi", "mexico": "mexico city", "cuba": "havana", "kenya": "nairobi",
    "peru": "lima", "turkey": "ankara", "denmark": "copenhagen", "hungary": "budapest",
    "belgium": "brussels", "thailand": "bangkok",
}  # fmt: skip

LEGS = dict(
    dog=4, cat=4, spider=8, ant=6, bird=2, horse=4, bee=6, cow=4, chicken=2, snake=0, fish=0,
    elephant=4, butterfly=6,
)  # fmt: skip

CRIES = dict(
    dog="woof", cat="meow", cow="moo", duck="quack", sheep="baa", pig="oink", lion="roar",
    horse="neigh", frog="ribbit", bee="buzz", owl="hoot", snake="hiss",
)  # fmt: skip

# question, the fact itself, the sentence
FACTS = [
    ("how many days are in a week", "seven", "A week has seven days."),
    ("how many months are in a year", "twelve", "A year has twelve months."),
    ("how many hours are in a day", "twenty four", "A day has twenty four hours."),
    ("how many minutes are in an hour", "sixty", "An hour has sixty minutes."),
    ("how many seconds are in a minute", "sixty", "A minute has sixty seconds."),
    ("how many days are in a year", "three hundred sixty five",
     "A year has three hundred sixty five days."),
    ("how many weeks are in a year", "fifty two", "A year has fifty two weeks."),
    ("how many continents are there", "seven", "There are seven continents."),
    ("how many planets are in the solar system", "eight", "The solar system has eight planets."),
    ("what is the largest planet", "jupiter", "The largest planet is Jupiter."),
    ("what is the smallest planet", "mercury", "The smallest planet is Mercury."),
    ("what is the largest ocean", "the pacific", "The largest ocean is the Pacific."),
    ("what is the highest mountain", "mount everest", "The highest mountain is Mount Everest."),
    ("what color is the sky", "blue", "The sky is blue."),
    ("what color is grass", "green", "Grass is green."),
    ("what color is a banana", "yellow", "A banana is yellow."),
    ("what color is snow", "white", "Snow is white."),
    ("what color is blood", "red", "Blood is red."),
    ("what do bees make", "honey", "Bees make honey."),
    ("what is water made of", "hydrogen and oxygen", "Water is made of hydrogen and oxygen."),
    ("what is the fastest land animal", "the cheetah", "The fastest land animal is the cheetah."),
    ("what is the largest animal", "the blue whale", "The largest animal is the blue whale."),
    ("how many sides does a triangle have", "three", "A triangle has three sides."),
    ("how many sides does a square have", "four", "A square has four sides."),
    ("how many sides does a hexagon have", "six", "A hexagon has six sides."),
    ("how many letters are in the alphabet", "twenty six", "The alphabet has twenty six letters."),
    ("what is the first month of the year", "january", "The first month is January."),
    ("what is the last month of the year", "december", "The last month is December."),
    ("what is the shortest month", "february", "The shortest month is February."),
    ("what season comes after summer", "autumn", "Autumn comes after summer."),
    ("what season comes after winter", "spring", "Spring comes after winter."),
    ("who wrote hamlet", "shakespeare", "Shakespeare wrote Hamlet."),
    ("who painted the mona lisa", "leonardo da vinci", "Leonardo da Vinci painted the Mona Lisa."),
    ("what is the boiling point of water", "one hundred degrees celsius",
     "Water boils at one hundred degrees Celsius."),
    ("what is the freezing point of water", "zero degrees celsius",
     "Water freezes at zero degrees Celsius."),
    ("how many fingers are on a hand", "five", "A hand has five fingers."),
    ("what is the closest star", "the sun", "The closest star is the sun."),
    ("what orbits the earth", "the moon", "The moon orbits the earth."),
    ("what gas do we breathe", "oxygen", "We breathe oxygen."),
]  # fmt: skip


def fact(rng: random.Random) -> Item:
    kind = rng.random()
    if kind < 0.3:
        country = rng.choice(list(CAPITALS))
        city = CAPITALS[country]
        lead = rng.choice(
            ["what is the capital of", "what's the capital of", "tell me the capital of"]
        )
        names = " ".join(map(capital, country.split())), " ".join(map(capital, city.split()))
        answer = f"The capital of {names[0]} is {names[1]}."
        return Item(f"{lead} {country}", f"capital({country}) = {city}", answer)
    if kind < 0.42:
        animal = rng.choice(list(LEGS))
        noun = f"{article(animal)} {animal}"
        number = words(LEGS[animal]) if LEGS[animal] else "no"
        answer = f"{capital(noun)} has {number} legs."
        return Item(f"how many legs does {noun} have", f"legs({animal}) = {LEGS[animal]}", answer)
    if kind < 0.52:
        animal = rng.choice(list(CRIES))
        noun = f"{article(animal)} {animal}"
        answer = f"{capital(noun)} says {CRIES[animal]}."
        return Item(f"what sound does {noun} make", f"says({animal}) = {CRIES[animal]}", answer)
    if kind < 0.7:
        word = rng.choice(list(OPPOSITES))
        lead = rng.choice(["what is the opposite of", "opposite of"])
        answer = f"The opposite of {word} is {OPPOSITES[word]}."
        return Item(f"{lead} {word}", f"opposite({word}) = {OPPOSITES[word]}", answer)
    question, value, answer = rng.choice(FACTS)
    return Item(question, f"fact({value})", answer)


def spell(rng: random.Random) -> Item:
    word = rng.choice(SPELLABLE)
    lead = rng.choice(["how do you spell", "spell", "spell the word", "can you spell"])
    return Item(f"{lead} {word}", f"spell({word})", f"{capital(word)}: {' '.join(word.upper())}.")


def letters(rng: random.Random) -> Item:
    """The thought numbers the letters, so that counting them is reading the last number."""
    word = rng.choice(SPELLABLE)
    text = rng.choice([f"how many letters are in {word}", f"how many letters does {word} have"])
    numbered = " ".join(f"{letter}{i}" for i, letter in enumerate(word, 1))
    answer = f"{capital(word)} has {words(len(word))} letters."
    return Item(text, f"letters({word}): {numbered}", answer)
