"""Small facts that fit into a small model."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, article, capital, names
from aloud_nano.grammar.numbers import words
from aloud_nano.grammar.skill import Change, Skill, Slots, asking, question
from aloud_nano.grammar.slots import other
from aloud_nano.grammar.tools import call

OPPOSITES = dict(
    hot="cold", big="small", up="down", left="right", fast="slow", happy="sad", light="dark",
    open="closed", old="young", early="late", full="empty", hard="soft", high="low", long="short",
    loud="quiet", near="far", new="old", rich="poor", strong="weak", tall="short", thick="thin",
    wet="dry", day="night", true="false", good="bad", heavy="light", clean="dirty",
    easy="difficult", first="last", inside="outside", push="pull", win="lose", love="hate",
    buy="sell", begin="end", north="south", east="west", black="white", more="less", top="bottom",
    front="back", always="never", friend="enemy", summer="winter", give="take", wide="narrow",
    deep="shallow", start="stop", awake="asleep", cheap="expensive", yes="no", sweet="sour",
    brave="afraid", laugh="cry", remember="forget", alive="dead", smooth="rough",
)  # fmt: skip

CAPITALS = {
    "france": "paris", "germany": "berlin", "italy": "rome", "spain": "madrid",
    "england": "london", "japan": "tokyo", "china": "beijing", "russia": "moscow",
    "greece": "athens", "egypt": "cairo", "canada": "ottawa", "australia": "canberra",
    "brazil": "brasilia", "portugal": "lisbon", "sweden": "stockholm", "norway": "oslo",
    "finland": "helsinki", "poland": "warsaw", "austria": "vienna", "ireland": "dublin",
    "india": "new delhi", "mexico": "mexico city", "cuba": "havana", "kenya": "nairobi",
    "peru": "lima", "turkey": "ankara", "denmark": "copenhagen", "hungary": "budapest",
    "belgium": "brussels", "thailand": "bangkok", "argentina": "buenos aires", "chile": "santiago",
    "scotland": "edinburgh", "wales": "cardiff", "iceland": "reykjavik", "croatia": "zagreb",
    "romania": "bucharest", "bulgaria": "sofia", "ukraine": "kyiv", "vietnam": "hanoi",
    "indonesia": "jakarta", "south korea": "seoul", "iran": "tehran", "iraq": "baghdad",
    "jamaica": "kingston", "colombia": "bogota", "nepal": "kathmandu", "morocco": "rabat",
    "new zealand": "wellington", "the united states": "washington", "switzerland": "bern",
    "the netherlands": "amsterdam", "serbia": "belgrade", "venezuela": "caracas",
}  # fmt: skip

LEGS = dict(
    dog=4, cat=4, spider=8, ant=6, bird=2, horse=4, bee=6, cow=4, chicken=2, snake=0, fish=0,
    elephant=4, butterfly=6, lion=4, duck=2, fly=6, mouse=4, rabbit=4, worm=0, penguin=2,
)  # fmt: skip

CRIES = dict(
    dog="woof", cat="meow", cow="moo", duck="quack", sheep="baa", pig="oink", lion="roar",
    horse="neigh", frog="ribbit", bee="buzz", owl="hoot", snake="hiss", mouse="squeak",
    chicken="cluck", crow="caw", donkey="hee haw",
)  # fmt: skip

COLOURS = {
    "the sky": "blue", "grass": "green", "a banana": "yellow", "snow": "white", "blood": "red",
    "milk": "white", "coal": "black", "a lemon": "yellow", "a tomato": "red", "the sun": "yellow",
    "chocolate": "brown", "an elephant": "grey", "a flamingo": "pink", "a carrot": "orange",
    "a frog": "green", "the ocean": "blue", "a strawberry": "red", "an emerald": "green",
    "a ruby": "red", "cucumber": "green", "salt": "white", "a pumpkin": "orange",
}  # fmt: skip

YOUNG = dict(
    dog="puppy", cat="kitten", cow="calf", horse="foal", sheep="lamb", pig="piglet",
    duck="duckling",
    chicken="chick", goat="kid", lion="cub", bear="cub", deer="fawn", frog="tadpole", swan="cygnet",
    kangaroo="joey", goose="gosling", owl="owlet",
)  # fmt: skip

# question, the fact itself, the sentence
FACTS = [
    ("how many days are in a week", "seven",
     "A week has seven days."),
    ("how many months are in a year", "twelve",
     "A year has twelve months."),
    ("how many hours are in a day", "twenty four",
     "A day has twenty four hours."),
    ("how many minutes are in an hour", "sixty",
     "An hour has sixty minutes."),
    ("how many seconds are in a minute", "sixty",
     "A minute has sixty seconds."),
    ("how many days are in a year", "three hundred sixty five",
     "A year has three hundred sixty five days."),
    ("how many weeks are in a year", "fifty two",
     "A year has fifty two weeks."),
    ("how many continents are there", "seven",
     "There are seven continents."),
    ("how many planets are in the solar system", "eight",
     "The solar system has eight planets."),
    ("what is the largest planet", "jupiter",
     "The largest planet is Jupiter."),
    ("what is the smallest planet", "mercury",
     "The smallest planet is Mercury."),
    ("what is the largest ocean", "the pacific",
     "The largest ocean is the Pacific."),
    ("what is the highest mountain", "mount everest",
     "The highest mountain is Mount Everest."),
    ("what do bees make", "honey",
     "Bees make honey."),
    ("what is water made of", "hydrogen and oxygen",
     "Water is made of hydrogen and oxygen."),
    ("what is the fastest land animal", "the cheetah",
     "The fastest land animal is the cheetah."),
    ("what is the largest animal", "the blue whale",
     "The largest animal is the blue whale."),
    ("how many sides does a triangle have", "three",
     "A triangle has three sides."),
    ("how many sides does a square have", "four",
     "A square has four sides."),
    ("how many sides does a hexagon have", "six",
     "A hexagon has six sides."),
    ("how many letters are in the alphabet", "twenty six",
     "The alphabet has twenty six letters."),
    ("what is the shortest month", "february",
     "The shortest month is February."),
    ("what season comes after summer", "autumn",
     "Autumn comes after summer."),
    ("what season comes after winter", "spring",
     "Spring comes after winter."),
    ("who wrote hamlet", "shakespeare",
     "Shakespeare wrote Hamlet."),
    ("who painted the mona lisa", "leonardo da vinci",
     "Leonardo da Vinci painted the Mona Lisa."),
    ("what is the boiling point of water", "one hundred degrees celsius",
     "Water boils at one hundred degrees Celsius."),
    ("what is the freezing point of water", "zero degrees celsius",
     "Water freezes at zero degrees Celsius."),
    ("how many fingers are on a hand", "five",
     "A hand has five fingers."),
    ("what is the closest star", "the sun",
     "The closest star is the sun."),
    ("what orbits the earth", "the moon",
     "The moon orbits the earth."),
    ("what gas do we breathe", "oxygen",
     "We breathe oxygen."),
    ("what planet do we live on", "earth", "We live on the planet Earth."),
    ("which planet is closest to the sun", "mercury", "Mercury is closest to the sun."),
    ("which planet has rings", "saturn", "Saturn has rings."),
    ("which planet is called the red planet", "mars", "Mars is the red planet."),
    ("which planet is the hottest", "venus", "Venus is the hottest planet."),
    ("which planet is the farthest from the sun", "neptune",
     "Neptune is the farthest from the sun."),
    ("what is the third planet from the sun", "earth", "The third planet is Earth."),
    ("what is the fourth planet from the sun", "mars", "The fourth planet is Mars."),
    ("what is the longest river", "the nile", "The longest river is the Nile."),
    ("what is the largest country", "russia", "The largest country is Russia."),
    ("what is the largest continent", "asia", "The largest continent is Asia."),
    ("what is the smallest continent", "australia", "The smallest continent is Australia."),
    ("what is the largest desert", "antarctica", "The largest desert is Antarctica."),
    ("what is the tallest animal", "the giraffe", "The tallest animal is the giraffe."),
    ("what is the largest bird", "the ostrich", "The largest bird is the ostrich."),
    ("what is the king of the jungle", "the lion", "The lion is the king of the jungle."),
    ("what do cows drink", "water", "Cows drink water."),
    ("what do pandas eat", "bamboo", "Pandas eat bamboo."),
    ("what do rabbits eat", "grass and vegetables", "Rabbits eat grass and vegetables."),
    ("what do spiders make", "webs", "Spiders make webs."),
    ("what do chickens lay", "eggs", "Chickens lay eggs."),
    ("where do penguins live", "the southern half of the earth",
     "Penguins live in the southern half of the earth."),
    ("where do polar bears live", "the arctic", "Polar bears live in the Arctic."),
    ("what is frozen water called", "ice", "Frozen water is called ice."),
    ("what is ice made of", "water", "Ice is made of water."),
    ("what is bread made of", "flour and water", "Bread is made of flour and water."),
    ("what is cheese made of", "milk", "Cheese is made of milk."),
    ("what is wine made of", "grapes", "Wine is made of grapes."),
    ("what is paper made of", "wood", "Paper is made of wood."),
    ("what is glass made of", "sand", "Glass is made of sand."),
    ("how many sides does a pentagon have", "five", "A pentagon has five sides."),
    ("how many sides does an octagon have", "eight", "An octagon has eight sides."),
    ("how many sides does a cube have", "six", "A cube has six sides."),
    ("how many wheels does a car have", "four", "A car has four wheels."),
    ("how many wheels does a bicycle have", "two", "A bicycle has two wheels."),
    ("how many strings does a guitar have", "six", "A guitar has six strings."),
    ("how many strings does a violin have", "four", "A violin has four strings."),
    ("how many keys does a piano have", "eighty eight", "A piano has eighty eight keys."),
    ("how many players are on a soccer team", "eleven", "A soccer team has eleven players."),
    ("how many cards are in a deck", "fifty two", "A deck has fifty two cards."),
    ("how many squares are on a chess board", "sixty four",
     "A chess board has sixty four squares."),
    ("how many colors are in a rainbow", "seven", "A rainbow has seven colors."),
    ("how many vowels are in the alphabet", "five", "The alphabet has five vowels."),
    ("how many seasons are there", "four", "There are four seasons."),
    ("how many years are in a century", "one hundred", "A century has one hundred years."),
    ("how many states are in the united states", "fifty", "The United States has fifty states."),
    ("how many teeth does an adult have", "thirty two", "An adult has thirty two teeth."),
    ("how many bones does an adult have", "two hundred six",
     "An adult has two hundred six bones."),
    ("how many arms does an octopus have", "eight", "An octopus has eight arms."),
    ("what season comes after spring", "summer", "Summer comes after spring."),
    ("what season comes after autumn", "winter", "Winter comes after autumn."),
    ("who wrote romeo and juliet", "shakespeare", "Shakespeare wrote Romeo and Juliet."),
    ("who invented the telephone", "alexander graham bell",
     "Alexander Graham Bell invented the telephone."),
    ("who was the first person on the moon", "neil armstrong",
     "Neil Armstrong was the first person on the moon."),
    ("who was the first president of the united states", "george washington",
     "George Washington was the first president."),
    ("who discovered gravity", "isaac newton", "Isaac Newton described gravity."),
    ("who wrote the ninth symphony", "beethoven", "Beethoven wrote the ninth symphony."),
    ("what language do they speak in brazil", "portuguese", "They speak Portuguese in Brazil."),
    ("what language do they speak in austria", "german", "They speak German in Austria."),
    ("what language do they speak in mexico", "spanish", "They speak Spanish in Mexico."),
    ("what language do they speak in egypt", "arabic", "They speak Arabic in Egypt."),
    ("what is the currency of japan", "the yen", "The currency of Japan is the yen."),
    ("what is the currency of england", "the pound", "The currency of England is the pound."),
    ("what is the currency of france", "the euro", "The currency of France is the euro."),
    ("where is the eiffel tower", "paris", "The Eiffel Tower is in Paris."),
    ("where is big ben", "london", "Big Ben is in London."),
    ("where are the pyramids", "egypt", "The pyramids are in Egypt."),
    ("where is the statue of liberty", "new york", "The Statue of Liberty is in New York."),
    ("what is the chemical symbol of gold", "a u", "The symbol of gold is A U."),
    ("what do plants need to grow", "light and water", "Plants need light and water."),
    ("what do you get when you mix blue and yellow", "green", "Blue and yellow make green."),
    ("what do you get when you mix red and yellow", "orange", "Red and yellow make orange."),
    ("what do you get when you mix red and blue", "purple", "Red and blue make purple."),
    ("what do you get when you mix black and white", "grey", "Black and white make grey."),
    ("where does the sun rise", "the east", "The sun rises in the east."),
    ("where does the sun set", "the west", "The sun sets in the west."),
    ("what organ pumps blood", "the heart", "The heart pumps blood."),
    ("how many hearts does an octopus have", "three", "An octopus has three hearts."),
    ("what is the hardest stone", "diamond", "The hardest stone is diamond."),
    ("what is the first letter of the alphabet", "a", "The first letter is A."),
    ("what is the last letter of the alphabet", "z", "The last letter is Z."),
    ("what day comes first in the week", "monday", "Monday comes first."),
    ("when is christmas", "december twenty fifth", "Christmas is on December twenty fifth."),
    ("when is halloween", "october thirty first", "Halloween is on October thirty first."),
    ("when is new year's day", "january first", "New Year's Day is January first."),
    ("when is valentine's day", "february fourteenth",
     "Valentine's Day is February fourteenth."),
    ("what is a baby's first food", "milk", "A baby's first food is milk."),
]  # fmt: skip


def known(topic: str, of: str) -> str:
    return call("look_up", topic=topic, of=of)


def _swap(slot: str, options: list[str], with_article: bool = False) -> Change:
    """ "and germany"."""

    def change(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
        new = other(rng, options, slots[slot])
        spoken = f"{article(new)} {new}" if with_article else new
        text = rng.choice(["and {}", "what about {}", "and what about {}", "no i meant {}",
                           "how about {}"])  # fmt: skip
        return text.format(spoken), {**slots, slot: new}

    return change


def _title(place: str) -> str:
    return names(place).replace("The ", "the ")


def _animal(rng: random.Random, templates: list[str], animal: str) -> str:
    return question(rng, templates, n=f"{article(animal)} {animal}")


_COUNTRIES = list(CAPITALS)
capital_of = Skill(
    lambda rng: {"of": rng.choice(_COUNTRIES)},
    lambda rng, slots: question(
        rng, ["what is the capital of {c}", "what's the capital of {c}", "the capital of {c}",
              "tell me the capital of {c}", "what is {c}'s capital", "name the capital of {c}",
              "which city is the capital of {c}"], c=slots["of"]),
    lambda slots: (known("capital", slots["of"]),
                   f"The capital of {_title(slots['of'])} is {names(CAPITALS[slots['of']])}.",
                   (f"capital of {slots['of']} = {CAPITALS[slots['of']]}",)),
    (_swap("of", _COUNTRIES),),
)  # fmt: skip

country_of = Skill(
    lambda rng: {"of": rng.choice(_COUNTRIES)},
    lambda rng, slots: question(
        rng, ["which country has the capital {c}", "{c} is the capital of which country",
              "what country is {c} the capital of", "{c} is the capital of what country"],
        c=CAPITALS[slots["of"]]),
    lambda slots: (known("country", CAPITALS[slots["of"]]),
                   f"{names(CAPITALS[slots['of']])} is the capital of {_title(slots['of'])}.",
                   (f"capital of {slots['of']} = {CAPITALS[slots['of']]}",)),
)  # fmt: skip

_WORDS = list(OPPOSITES)
opposite = Skill(
    lambda rng: {"of": rng.choice(_WORDS)},
    lambda rng, slots: question(
        rng, ["what is the opposite of {w}", "opposite of {w}", "what's the opposite of {w}",
              "tell me the opposite of {w}", "the opposite of {w}"], w=slots["of"]),
    lambda slots: (known("opposite", slots["of"]),
                   f"The opposite of {slots['of']} is {OPPOSITES[slots['of']]}.",
                   (f"opposite of {slots['of']} = {OPPOSITES[slots['of']]}",)),
    (_swap("of", _WORDS),),
)  # fmt: skip


def _legs(slots: Slots) -> tuple[str, str, tuple[str, ...]]:
    animal = slots["of"]
    number = words(LEGS[animal]) if LEGS[animal] else "no"
    answer = f"{capital(article(animal))} {animal} has {number} legs."
    return known("legs", animal), answer, (f"legs of {article(animal)} {animal} = {LEGS[animal]}",)


legs = Skill(
    lambda rng: {"of": rng.choice(list(LEGS))},
    lambda rng, slots: _animal(
        rng, ["how many legs does {n} have", "how many legs has {n}",
              "what number of legs does {n} have"], slots["of"]),
    _legs, (_swap("of", list(LEGS), True),),
)  # fmt: skip

cry = Skill(
    lambda rng: {"of": rng.choice(list(CRIES))},
    lambda rng, slots: _animal(
        rng, ["what sound does {n} make", "what does {n} say", "what noise does {n} make",
              "how does {n} go"], slots["of"]),
    lambda slots: (known("cry", slots["of"]),
                   f"{capital(article(slots['of']))} {slots['of']} says {CRIES[slots['of']]}.",
                   (f"{article(slots['of'])} {slots['of']} says {CRIES[slots['of']]}",)),
    (_swap("of", list(CRIES), True),),
)  # fmt: skip

young = Skill(
    lambda rng: {"of": rng.choice(list(YOUNG))},
    lambda rng, slots: _animal(
        rng, ["what is the young of {n} called", "what do you call a young " + slots["of"],
              "what's a baby " + slots["of"] + " called", "what is a baby " + slots["of"]],
        slots["of"]),
    lambda slots: (known("young", slots["of"]),
                   f"A young {slots['of']} is a {YOUNG[slots['of']]}."
                   .replace("is a owl", "is an owl"),
                   (f"young of {article(slots['of'])} {slots['of']} = {YOUNG[slots['of']]}",)),
    (),
)  # fmt: skip

colour = Skill(
    lambda rng: {"of": rng.choice(list(COLOURS))},
    lambda rng, slots: question(
        rng, ["what color is {n}", "what's the color of {n}", "which color does {n} have",
              "what is the color of {n}"], n=slots["of"]),
    lambda slots: (known("colour", slots["of"]),
                   f"{capital(slots['of'])} is {COLOURS[slots['of']]}.",
                   (f"color of {slots['of']} = {COLOURS[slots['of']]}",)),
    (_swap("of", list(COLOURS)),),
)  # fmt: skip


def fact(rng: random.Random) -> Item:
    """One of the listed facts."""
    text, value, answer = rng.choice(FACTS)
    about = text.replace("'s", "")
    return Item(asking(rng, text), known("general", about), answer, steps=(f"fact: {value}",))


_KINDS = (legs, cry, young)


def animal(rng: random.Random) -> Item:
    return rng.choice(_KINDS)(rng)
