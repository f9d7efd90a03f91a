"""Music and volume."""

from __future__ import annotations

import random

from aloud_nano.grammar.item import names
from aloud_nano.grammar.numbers import draw, said, words
from aloud_nano.grammar.skill import Act, Skill, Slots, command, fixed, please
from aloud_nano.grammar.slots import MAKE_IT, ROOMS, change_number, change_room, other, place, slip
from aloud_nano.grammar.tools import call

GENRES = [
    "jazz", "rock", "classical music", "pop", "blues", "hip hop", "country music", "techno",
    "folk", "piano music", "reggae", "metal", "soul", "opera", "house music", "guitar music",
    "christmas songs", "quiet music", "dance music", "eighties music", "movie music", "salsa",
]  # fmt: skip
ARTISTS = [
    "the beatles", "mozart", "bach", "queen", "abba", "madonna", "elvis", "bob marley", "beethoven",
    "miles davis", "adele", "prince", "nina simone", "pink floyd", "johnny cash", "david bowie",
    "vivaldi", "chopin", "louis armstrong", "the rolling stones", "ella fitzgerald", "coldplay",
]  # fmt: skip


def _draw(rng: random.Random) -> Slots:
    return {"query": rng.choice(GENRES if rng.random() < 0.55 else ARTISTS),
            "room": rng.choice(ROOMS) if rng.random() < 0.4 else ""}  # fmt: skip


def _say(rng: random.Random, slots: Slots) -> str:
    verbs = ["play {q}{p}", "play some {q}{p}", "put on {q}{p}", "put on some {q}{p}",
             "start {q}{p}", "start playing {q}{p}"]  # fmt: skip
    elided = ["i want to hear {q}{p}", "let me hear some {q}{p}", "i'd like some {q}{p}",
              "let's hear {q}{p}", "some {q} please"]  # fmt: skip
    if slots["query"] in ARTISTS:
        verbs += ["play something by {q}{p}", "play a song by {q}{p}", "play music by {q}{p}"]
    if slots["room"]:
        elided = elided[:-1]
    return command(rng, verbs, elided, q=slots["query"], p=place(slots["room"]))


def _act(slots: Slots) -> Act:
    query = slots["query"]
    spoken = names(query) if query in ARTISTS else query
    spoken = spoken.replace("The ", "the ")
    made = call("play_music", query=query, room=slots["room"])
    return made, f"Playing {spoken}{place(slots['room'])}.", ()


def _change_query(rng: random.Random, slots: Slots) -> tuple[str, Slots]:
    query = other(rng, GENRES + ARTISTS, slots["query"])
    text = rng.choice([*MAKE_IT, "{} instead", "what about {}", "now {}", "and now {}"])
    return text.format(query), {**slots, "query": query}


music = Skill(_draw, _say, _act, (_change_query, change_room))

player = fixed(
    [
        ("control_music(action=pause)", "Music paused.",
         ["pause the music", "pause", "pause the song", "pause that", "hold the music"]),
        ("control_music(action=resume)", "Music resumed.",
         ["resume the music", "resume", "keep playing", "continue the music", "unpause",
          "play the music again", "resume playing"]),
        ("control_music(action=next)", "Playing the next song.",
         ["next song", "skip this song", "skip", "play the next song", "next track", "skip this",
          "i don't like this song", "skip this one"]),
        ("control_music(action=previous)", "Playing the previous song.",
         ["previous song", "go back one song", "play the previous song", "last song",
          "previous track", "play the last one again"]),
        ("control_music(action=stop)", "Music stopped.",
         ["stop the music", "turn off the music", "stop playing", "music off", "turn the music off",
          "stop the song"]),
        ("control_music(action=shuffle)", "Shuffling your music.",
         ["shuffle my music", "shuffle", "shuffle the playlist", "mix the songs",
          "play my music in random order"]),
        ("control_music(action=restart)", "Starting the song again.",
         ["start the song again", "restart the song", "play this song again",
          "from the beginning please", "play that from the beginning"]),
    ],
    please,
)  # fmt: skip


volume = Skill(
    lambda rng: {"level": draw(rng, 0, 100, 0.35)},
    lambda rng, slots: command(
        rng,
        ["set the volume to {v} percent", "set the volume to {v}",
        "change the volume to {v} percent",
         "turn the volume to {v}", "put the volume at {v}", "set volume {v}",
         "set the sound to {v} percent", "put the volume on {v} percent"],
        ["volume {v} percent", "volume to {v} percent", "volume {v}", "volume at {v} percent"],
        v=slip(rng, said(rng, slots["level"]), words(draw(rng, 1, 99))),
    ),
    lambda slots: (call("set_volume", level=slots["level"]),
                   f"Volume set to {words(slots['level'])} percent.", ()),
    (change_number("level", 5, 95, "percent"),),
)  # fmt: skip

volume_by = Skill(
    lambda rng: {"action": rng.choice(["up", "down"]), "amount": draw(rng, 1, 60, 0.4)},
    lambda rng, slots: command(
        rng,
        ["turn it {a} by {v}", "turn it {a} by {v} percent", "turn the volume {a} by {v} percent",
         "turn {a} the volume by {v}", "turn the music {a} by {v} percent"],
        ["volume {a} by {v}", "volume {a} {v} percent", "{v} percent " + (
            "louder" if slots["action"] == "up" else "quieter")],
        a=slots["action"], v=words(slots["amount"]),
    ),
    lambda slots: (call("change_volume", action=slots["action"], amount=slots["amount"]),
                   f"Volume {slots['action']} by {words(slots['amount'])} percent.", ()),
    (change_number("amount", 2, 60, "percent"),),
)  # fmt: skip

volume_step = fixed(
    [
        ("change_volume(action=up)", "Volume up.",
         ["turn the volume up", "turn it up", "louder please", "make it louder", "louder",
          "volume up", "turn up the volume", "turn up the music", "a bit louder",
          "i can't hear it", "raise the volume"]),
        ("change_volume(action=down)", "Volume down.",
         ["turn the volume down", "turn it down", "quieter please", "make it quieter", "quieter",
          "volume down", "turn down the volume", "turn down the music", "a bit quieter",
          "it's too loud", "lower the volume"]),
        ("change_volume(action=mute)", "Muted.",
         ["mute", "mute the sound", "mute it", "sound off", "turn the sound off"]),
        ("change_volume(action=unmute)", "Sound is on.",
         ["unmute", "unmute the sound", "turn the sound on", "sound on", "turn the sound back on"]),
    ],
    please,
)  # fmt: skip
