"""Time keeping and the house: timers, alarms, reminders, lights, heat, music, volume, doors."""

from __future__ import annotations

import random

from aloud_nano.grammar.arithmetic import DAYS
from aloud_nano.grammar.item import Item, your
from aloud_nano.grammar.numbers import clock, draw, duration, words

ROOMS = [
    "kitchen", "living room", "bedroom", "bathroom", "office", "hallway", "garage", "dining room",
    "garden", "basement",
]  # fmt: skip
COLORS = ["red", "green", "blue", "yellow", "white", "purple", "orange", "pink"]
GENRES = [
    "jazz", "rock", "classical music", "pop", "blues", "hip hop", "country music", "techno",
    "folk", "piano music", "reggae", "metal",
]  # fmt: skip
PEOPLE = [
    "mom", "dad", "anna", "john", "peter", "mary", "the doctor", "the bank", "my sister",
    "my brother", "alice", "tom", "sarah", "david", "the office", "grandma",
]  # fmt: skip
TASKS = [
    "take out the trash", "water the plants", "feed the cat", "walk the dog", "buy milk",
    "pay the rent", "do the laundry", "take my medicine", "check the oven", "send the report",
    "book a flight", "clean the kitchen", "buy bread", "charge my phone", "lock the door",
    "call {p}", "email {p}", "meet {p}",
]  # fmt: skip


def timer(rng: random.Random) -> Item:
    spoken, compact = duration(rng)
    text = rng.choice(
        [
            f"set a timer for {spoken}",
            f"set timer for {spoken}",
            f"start a {spoken} timer",
            f"timer for {spoken}",
            f"please set a timer for {spoken}",
            f"can you set a timer for {spoken}",
            f"count down {spoken}",
        ]
    )
    return Item(text, f"timer({compact})", f"Timer set for {spoken}.")


def alarm(rng: random.Random) -> Item:
    spoken, compact = clock(rng)
    lead = rng.choice(
        [
            "wake me up at",
            "set an alarm for",
            "alarm at",
            "please wake me at",
            "can you set an alarm for",
        ]
    )
    when = rng.choice(["", "", "", "", " tomorrow", *(f" on {d}" for d in DAYS)])
    slot = f", {when.split()[-1]}" if when else ""
    return Item(
        f"{lead} {spoken}{when}", f"alarm({compact}{slot})", f"Alarm set for {spoken}{when}."
    )


def remind(rng: random.Random) -> Item:
    task = rng.choice(TASKS).format(p=rng.choice(PEOPLE))
    if rng.random() < 0.5:
        spoken, compact = duration(rng)
        when, slot = f"in {spoken}", f"in {compact}"
    else:
        spoken, compact = clock(rng)
        when, slot = f"at {spoken}", f"at {compact}"
    text = rng.choice(
        [
            f"remind me to {task} {when}",
            f"please remind me to {task} {when}",
            f"set a reminder to {task} {when}",
            f"remind me {when} to {task}",
        ]
    )
    return Item(text, f"remind({task}; {slot})", f"I will remind you {when} to {your(task)}.")


def lights(rng: random.Random) -> Item:
    room = rng.choice([*ROOMS, ""])
    where = f"{room} " if room else ""
    slot = room or "all"
    kind = rng.random()
    if kind < 0.5:
        state = rng.choice(["on", "off"])
        text = rng.choice(
            [
                f"turn {state} the {where}lights",
                f"turn the {where}lights {state}",
                f"switch {state} the {where}lights",
                f"{where}lights {state}",
                f"please turn {state} the {where}light",
            ]
        )
        return Item(text, f"lights({slot}, {state})", f"The {where}lights are {state}.")
    if kind < 0.75:
        level = rng.choice(range(5, 101, 5)) if rng.random() < 0.7 else rng.choice([15, 50, 30, 13])
        text = rng.choice(
            [
                f"dim the {where}lights to {words(level)} percent",
                f"set the {where}lights to {words(level)} percent",
                f"{where}lights to {words(level)} percent",
            ]
        )
        answer = f"The {where}lights are at {words(level)} percent."
        return Item(text, f"lights({slot}, {level}%)", answer)
    color = rng.choice(COLORS)
    text = rng.choice(
        [
            f"make the {where}lights {color}",
            f"set the {where}lights to {color}",
            f"turn the {where}lights {color}",
        ]
    )
    return Item(text, f"lights({slot}, {color})", f"The {where}lights are {color}.")


def thermostat(rng: random.Random) -> Item:
    degrees = draw(rng, 10, 30) if rng.random() < 0.7 else draw(rng, 55, 85)
    room = rng.choice(ROOMS) if rng.random() < 0.5 else ""
    where = f" in the {room}" if room else ""
    number = words(degrees)
    text = rng.choice(
        [
            f"set the temperature to {number} degrees{where}",
            f"set the thermostat to {number}{where}",
            f"make it {number} degrees{where}",
            f"change the temperature to {number} degrees{where}",
            f"heat to {number} degrees{where}",
        ]
    )
    slot = f", {room}" if room else ""
    return Item(
        text, f"thermostat({degrees}{slot})", f"Temperature set to {number} degrees{where}."
    )


_PLAYER = [
    ("pause the music", "pause", "Music paused."),
    ("pause", "pause", "Music paused."),
    ("resume the music", "resume", "Music resumed."),
    ("next song", "next", "Playing the next song."),
    ("skip this song", "next", "Playing the next song."),
    ("previous song", "previous", "Playing the previous song."),
    ("go back one song", "previous", "Playing the previous song."),
    ("stop the music", "stop", "Music stopped."),
    ("shuffle my music", "shuffle", "Shuffling your music."),
]


def music(rng: random.Random) -> Item:
    if rng.random() < 0.4:
        text, action, answer = rng.choice(_PLAYER)
        return Item(text, f"music({action})", answer)
    genre = rng.choice(GENRES)
    room = rng.choice(ROOMS) if rng.random() < 0.5 else ""
    where = f" in the {room}" if room else ""
    lead = rng.choice(["play some", "play", "i want to hear", "put on some"])
    slot = f", {room}" if room else ""
    return Item(f"{lead} {genre}{where}", f"play({genre}{slot})", f"Playing {genre}{where}.")


VOLUME_PHRASES = [
    ("turn the volume up", "up", "Volume up."),
    ("turn it up", "up", "Volume up."),
    ("louder please", "up", "Volume up."),
    ("make it louder", "up", "Volume up."),
    ("turn the volume down", "down", "Volume down."),
    ("turn it down", "down", "Volume down."),
    ("quieter please", "down", "Volume down."),
    ("mute", "mute", "Muted."),
    ("mute the sound", "mute", "Muted."),
    ("unmute", "unmute", "Sound is on."),
]


def volume(rng: random.Random) -> Item:
    if rng.random() < 0.35:
        text, action, answer = rng.choice(VOLUME_PHRASES)
        return Item(text, f"volume({action})", answer)
    level = draw(rng, 0, 100)
    lead = rng.choice(["set the volume to", "volume", "volume to", "change the volume to"])
    answer = f"Volume set to {words(level)} percent."
    return Item(f"{lead} {words(level)} percent", f"volume({level}%)", answer)


def door(rng: random.Random) -> Item:
    thing = rng.choice(
        ["door", "front door", "back door", "garage door", "window", "blinds", "curtains", "gate"]
    )
    action = rng.choice(["open", "close", *(["lock", "unlock"] if "door" in thing else [])])
    lead = rng.choice(["", "please ", "can you "])
    return Item(
        f"{lead}{action} the {thing}",
        f"device({thing}, {action})",
        f"Okay, I will {action} the {thing}.",
    )
