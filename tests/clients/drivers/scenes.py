"""What the drivers in Python share: what they are told, and how they tell what their client saw (see scenes.mjs)."""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

PATIENCE_S = 20

told = json.loads(Path(os.environ["ALOUD_CLIENT"]).read_text())


def sound(name: str) -> bytes:
    """PCM16 at 24 kHz, with the silence behind it in which a turn ends."""
    return Path(told["sounds"][name]).read_bytes()


def pieces(pcm: bytes) -> Iterator[bytes]:
    """Pieces of 100 ms, as microphones give them."""
    for at in range(0, len(pcm), 4_800):
        yield pcm[at : at + 4_800]


async def play(scenes: dict[str, Callable[[], Awaitable[dict]]]) -> None:
    """Plays each scene on a connection of its own, one after the other."""
    for name in told["scenes"]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                saw = await scenes[name]()
        except Exception:
            saw = {"failed": traceback.format_exc()}
        print(f"@@ {json.dumps({'scene': name, 'saw': saw})}", flush=True)
    sys.stdout.flush()
    os._exit(0)
