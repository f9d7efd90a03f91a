"""Small talk, replies, moving about in an app, the weather, and what nano cannot do."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import Item, names
from aloud_nano.grammar.knowledge import CAPITALS
from aloud_nano.grammar.numbers import ORDINALS, words
from aloud_nano.grammar.orders import order
from aloud_nano.grammar.skill import Skill, Slots, command, fixed, please, question
from aloud_nano.grammar.slots import DAYS, other
from aloud_nano.grammar.sound import REFUSAL
from aloud_nano.grammar.tools import call

__all__ = ["REPEATED_WORDS", "order", "refusal"]

REPEATED_WORDS = 8


def refusal(text: str) -> str:
    """Outside the domain: what was heard is repeated where it is short enough to be a check."""
    if len(text.split()) <= REPEATED_WORDS:
        return f'I heard "{text}", but I can\'t help with that.'
    return REFUSAL


_IDENTITY = "I am nano, a small voice assistant that listens and thinks on your device."
_ABILITIES = "I can do sums, timers, lights, music, facts, and tell you what I hear."
_HELLO = "Hello! How can I help?"


def _talk(topic: str) -> str:
    return call("small_talk", topic=topic)


greeting = fixed(
    [
        ("greet()", _HELLO, ["hello", "hi", "hi there", "hey", "hey there", "hello there",
                             "hello nano", "hi nano", "good day"]),
        ("greet(time=morning)", "Good morning! How can I help?",
         ["good morning", "good morning nano", "morning"]),
        ("greet(time=afternoon)", "Good afternoon! How can I help?", ["good afternoon"]),
        ("greet(time=evening)", "Good evening! How can I help?", ["good evening"]),
        ("greet(time=night)", "Good night, sleep well.",
         ["good night", "good night nano", "i'm going to bed"]),
        (_talk("bye"), "Goodbye!",
         ["goodbye", "bye", "bye bye", "see you later", "see you", "see you tomorrow",
          "talk to you later", "that's all", "that is all"]),
    ]
)  # fmt: skip

chat = fixed(
    [
        (_talk("how_are_you"), "I am fine, thank you.",
         ["how are you", "how are you doing", "how are you doing today", "how's it going",
          "are you okay", "how do you do", "how are you today"]),
        (_talk("thanks"), "You are welcome.",
         ["thank you", "thanks", "thanks a lot", "thank you very much", "thank you so much",
          "many thanks", "great thanks", "okay thanks", "thanks nano"]),
        (_talk("sorry"), "No problem.", ["sorry", "i'm sorry", "sorry about that", "my mistake"]),
        (_talk("praise"), "Thank you!",
         ["well done", "good job", "great", "nice", "you're great", "that's great", "perfect",
          "good work", "very good"]),
        (_talk("joke"), "Why did the robot nap? It had a hard drive.",
         ["tell me a joke", "do you know a joke", "make me laugh", "tell me something funny",
          "say something funny", "a joke please"]),
    ]
)  # fmt: skip

about = fixed(
    [
        (_talk("name"), _IDENTITY,
         ["who are you", "what is your name", "what's your name", "tell me about yourself",
          "what are you", "who am i talking to", "introduce yourself"]),
        (_talk("abilities"), _ABILITIES,
         ["what can you do", "help", "help me", "what can i say", "what can i ask you",
          "what do you know", "how can you help me", "how does this work", "i need help"]),
        (_talk("robot"), "Yes, I am a computer program.",
         ["are you a robot", "are you a computer", "are you a machine", "are you an a i"]),
        (_talk("robot"), "No, I am a computer program.",
         ["are you human", "are you a person", "are you real", "are you alive"]),
        (_talk("age"), "I am a program, so I have no age.",
         ["how old are you", "when were you born", "what is your age", "when is your birthday"]),
        (_talk("maker"), "I was made by the Aloud project.",
         ["who made you", "who built you", "where do you come from", "who created you"]),
        (_talk("hearing"), "Yes, I can hear you.",
         ["can you hear me", "do you hear me", "are you there", "are you listening",
          "testing testing", "is this thing on"]),
        (_talk("feelings"), "I have no feelings, but I am glad to help.",
         ["do you love me", "are you happy", "are you sad", "do you have feelings",
          "do you like me", "are you tired"]),
        (_talk("language"), "I only speak English.",
         ["do you speak spanish", "do you speak french", "which languages do you speak",
          "can you speak german", "what languages do you know", "speak french"]),
    ]
)  # fmt: skip

reply = fixed(
    [
        ("reply(value=yes)", "Okay, yes.",
         ["yes", "yes please", "yeah", "yep", "sure", "of course", "yes that's right",
         "that's right",
          "correct", "right", "exactly", "yes i do", "yes do it", "absolutely", "sounds good"]),
        ("reply(value=no)", "Okay, no.",
         ["no", "no thanks", "no thank you", "nope", "no way", "not now", "that's wrong", "wrong",
          "no that's wrong", "not really", "no don't"]),
        ("reply(value=okay)", "Okay.", ["okay", "all right", "fine", "got it", "i see", "alright"]),
        ("reply(value=maybe)", "Okay, maybe.", ["maybe", "perhaps", "i don't know", "not sure",
                                                "i'm not sure"]),
    ]
)  # fmt: skip


def _go(action: str) -> str:
    return call("navigate", action=action)


navigation = fixed(
    [
        (_go("next"), "Okay, next.",
         ["next", "next one", "go to the next one", "next page", "next step", "move on", "forward",
          "show me the next one", "go forward", "next please"]),
        (_go("back"), "Okay, going back.",
         ["back", "go back", "previous", "previous page", "one step back", "take me back",
          "return", "previous step", "undo", "undo that"]),
        (_go("cancel"), "Okay, cancelled.",
         ["cancel", "cancel that", "never mind", "forget it", "forget that", "cancel it",
          "leave it", "abort"]),
        (_go("stop"), "Okay, stopping.",
         ["stop", "stop it", "stop that", "stop talking", "be quiet", "enough", "shut up", "quiet",
          "that's enough"]),
        (_go("wait"), "Okay, waiting.",
         ["wait", "hold on", "one moment", "just a moment", "just a second", "wait a minute",
          "give me a second", "hang on"]),
        (_go("continue"), "Okay, going on.",
         ["go on", "continue", "carry on", "keep going", "please continue", "go ahead"]),
        (_go("home"), "Okay, going home.",
         ["go home", "home", "go to the home screen", "main menu", "show the home screen",
          "back to the start", "take me home"]),
        (_go("scroll_up"), "Scrolling up.", ["scroll up", "page up", "move up", "go up"]),
        (_go("scroll_down"), "Scrolling down.",
         ["scroll down", "page down", "move down", "go down", "show me more"]),
        (_go("top"), "Going to the top.", ["go to the top", "scroll to the top",
        "top of the page"]),
        (_go("bottom"), "Going to the bottom.",
         ["go to the bottom", "scroll to the bottom", "bottom of the page"]),
        (_go("close"), "Okay, closing.", ["close", "close this", "close it", "close the window now",
                                          "exit", "quit"]),
        (_go("confirm"), "Okay, confirmed.",
         ["confirm", "confirm that", "i confirm", "accept", "submit", "okay do it", "select it",
          "choose this one"]),
        ("set_speech(action=slower)", "Okay, I will speak slower.",
         ["speak slower", "speak more slowly", "slow down", "not so fast", "talk slower"]),
        ("set_speech(action=faster)", "Okay, I will speak faster.",
         ["speak faster", "talk faster", "a bit faster please", "speed up"]),
        ("set_speech(action=louder)", "Okay, I will speak louder.",
         ["speak louder", "speak up", "talk louder", "i can't hear you"]),
        ("set_speech(action=quieter)", "Okay, I will speak more quietly.",
         ["speak more quietly", "talk quieter", "lower your voice", "whisper please"]),
    ],
    please,
)  # fmt: skip


def _change_option(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    number = slots["number"]
    while number == slots["number"]:
        number = rng.randint(1, 10)
    text = rng.choice(["no the {o} one", "no number {n}", "i meant number {n}", "no the {o}",
                       "make it {n}", "and the {o} one"])  # fmt: skip
    return text.format(o=ORDINALS[number], n=words(number)), {"number": number}


select = Skill(
    lambda rng: {"number": rng.randint(1, 12)},
    lambda rng, slots: command(
        rng,
        ["select option {n}", "choose option {n}", "pick number {n}", "take number {n}",
         "open number {n}", "select the {o} one", "choose the {o} one", "take the {o} option",
         "select the {o} item", "open the {o} one", "pick the {o} one"],
        ["option {n}", "number {n}", "the {o} one", "i'll take the {o} one", "item {n}",
         "i choose number {n}"], n=words(slots["number"]), o=ORDINALS[slots["number"]]),
    lambda slots: (call("select_option", number=slots["number"]),
                   f"Option {words(slots['number'])} selected.", ()),
    (_change_option,),
)  # fmt: skip

_APPS = [
    "settings", "the camera", "my photos", "the calendar", "my email", "the map", "the browser",
    "the calculator", "my notes", "the music app", "the clock", "my messages", "the menu",
    "my contacts", "the help page", "the chat", "the store", "my profile", "the dashboard",
    "the news app", "my account", "the search", "my downloads", "the phone app",
]  # fmt: skip


def _app(opening: bool) -> Skill:
    verbs = ["open {a}", "start {a}", "show {a}", "launch {a}", "go to {a}", "show me {a}",
             "switch to {a}"] if opening else ["close {a}", "exit {a}", "quit {a}", "leave {a}",
                                               "get out of {a}"]  # fmt: skip

    def change(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
        name = other(rng, _APPS, slots["name"])
        text = rng.choice(["no {}", "and {}", "i meant {}", "no i meant {}", "and now {}"])
        return text.format(name), {"name": name}

    def act(slots: Slots) -> tuple[str, str, tuple[str, ...]]:
        bare = slots["name"].removeprefix("the ").removeprefix("my ")
        spoken = slots["name"].replace("my ", "your ")
        if opening:
            return call("open_app", name=bare), f"Opening {spoken}.", ()
        return call("close_app", name=bare), f"Closing {spoken}.", ()

    return Skill(
        lambda rng: {"name": rng.choice(_APPS)},
        lambda rng, slots: command(rng, verbs, a=slots["name"]),
        act,
        (change,),
    )


open_app = _app(True)
close_app = _app(False)

_CITIES = [*CAPITALS.values(), "new york", "chicago", "boston", "sydney", "munich", "barcelona"]


def _change_weather(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    if rng.random() < 0.5:
        day = other(rng, ["today", "tomorrow", *DAYS], slots["day"])
        on = f"on {day}" if day in DAYS else day
        text = rng.choice(["and {}", "what about {}", "and what about {}", "how about {}"])
        return text.format(on), {**slots, "day": day}
    place = other(rng, _CITIES, slots["place"])
    text = rng.choice(
        ["and in {}", "what about {}", "and {}", "and what about {}", "how about in {}"]
    )
    return text.format(place), {**slots, "place": place}


weather = Skill(
    lambda rng: {"place": rng.choice(_CITIES) if rng.random() < 0.6 else "",
                 "day": rng.choice(["", "", "today", "tomorrow", rng.choice(DAYS)])},
    lambda rng, slots: question(
        rng,
        ["what is the weather{p}{d}", "what's the weather like{p}{d}", "will it rain{p}{d}",
         "how is the weather{p}{d}", "how's the weather{p}{d}", "do i need an umbrella{p}{d}",
         "how warm is it{p}{d}", "is it cold{p}{d}", "what's the forecast{p}{d}",
         "is it going to rain{p}{d}", "weather{p}{d}", "will it snow{p}{d}", "is it sunny{p}{d}"],
        p=f" in {slots['place']}" if slots["place"] else "",
        d=(f" on {slots['day']}" if slots["day"] in DAYS else f" {slots['day']}")
        if slots["day"] else ""),
    lambda slots: (call("get_weather", place=slots["place"], day=slots["day"]),
                   "I can't check the weather, because I work offline.", ()),
    (_change_weather,),
)  # fmt: skip

chance = fixed(
    [
        ("pick_random(of=coin)", "I can't toss a coin: nothing in me is random.",
         ["flip a coin", "toss a coin", "heads or tails", "throw a coin", "flip a coin for me"]),
        ("pick_random(of=dice)", "I can't roll dice: nothing in me is random.",
         ["roll a dice", "roll the dice", "throw a dice", "roll a die"]),
        ("pick_random(of=number)", "I can't pick at random: nothing in me is random.",
         ["pick a random number", "give me a random number", "tell me a random number",
          "pick a number between one and ten", "choose a number"]),
    ]
)  # fmt: skip

_LANGUAGES = ["french", "spanish", "german", "italian", "chinese", "japanese", "russian", "latin"]
_TRANSLATED = ["hello", "good morning", "thank you", "cat", "water", "i love you", "goodbye",
               "where is the station", "bread", "house", "my name is anna", "yes"]  # fmt: skip


def language_refusal(language: str) -> tuple[str, str]:
    return call("translate", language=language), f"I can't speak {names(language)}, only English."


def translate(rng: random.Random) -> Item:
    language, phrase = rng.choice(_LANGUAGES), rng.choice(_TRANSLATED)
    text = question(rng, ["what is {p} in {l}", "how do you say {p} in {l}", "say {p} in {l}",
                          "translate {p} to {l}", "translate {p} into {l}"], p=phrase,
                          l=language)  # fmt: skip
    return Item(text, *language_refusal(language))
