"""`openai` for Python."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from openai import AsyncOpenAI
from scenes import pieces, play, sound, told

client = AsyncOpenAI(
    api_key=told["key"],
    base_url=f"{told['url']}/v1",
    websocket_base_url=f"{told['url'].replace('http', 'ws')}/v1",
)
VAD = {"turn_detection": {"type": "server_vad"}, "transcription": {"model": "gpt-4o-mini-transcribe"}}


class Talk:
    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def next(self, kind: str) -> Any:
        """The next event of that kind; an error is none."""
        while True:
            event = await self.connection.recv()
            # Words are told whenever they are known: before, within or after the answer.
            if event.type == "conversation.item.input_audio_transcription.completed":
                self.words.put_nowait(event.transcript)
            if event.type == kind:
                return event
            if event.type == "error":
                raise RuntimeError(event.error.message)

    async def speak(self, name: str) -> None:
        for piece in pieces(sound(name)):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())

    async def write(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.connection.response.create()

    async def said(self) -> dict:
        text = (await self.next("response.output_text.done")).text
        return {"said": text, "ended": (await self.next("response.done")).response.status}


async def with_session(settings: dict | None, hold: Callable[[Talk], Awaitable[dict]]) -> dict:
    async with client.realtime.connect(model="nano") as connection:
        talk = Talk(connection)
        await talk.next("session.created")
        if settings is not None:
            await connection.session.update(session={"type": "realtime", **settings})
            await talk.next("session.updated")
        return await hold(talk)


async def vad(talk: Talk) -> dict:
    await talk.speak("milk")
    saw = await talk.said()
    if talk.words.empty():
        await talk.next("conversation.item.input_audio_transcription.completed")
    return {"heard": talk.words.get_nowait(), **saw}


async def push_to_talk(talk: Talk) -> dict:
    await talk.speak("americano")
    await talk.connection.input_audio_buffer.commit()
    await talk.connection.response.create()
    return await talk.said()


async def text(talk: Talk) -> dict:
    await talk.write(told["text"])
    return await talk.said()


async def barge_in(talk: Talk) -> dict:
    await talk.write(told["long"])
    await talk.next("response.output_text.delta")
    await talk.speak("milk")
    response = (await talk.next("response.done")).response
    return {"interrupted": f"{response.status}, {response.status_details.reason}", **await talk.said()}


async def tool(talk: Talk) -> dict:
    await talk.speak("milk")
    call = await talk.next("response.function_call_arguments.done")
    await talk.next("response.done")
    await talk.connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": told["result"]}
    )
    await talk.connection.response.create()
    return {"called": call.name, "with": json.loads(call.arguments), **await talk.said()}


asyncio.run(
    play(
        {
            "vad": lambda: with_session({"audio": {"input": VAD}}, vad),
            "push-to-talk": lambda: with_session({"audio": {"input": {"turn_detection": None}}}, push_to_talk),
            "text": lambda: with_session(None, text),
            "barge-in": lambda: with_session({"audio": {"input": VAD}}, barge_in),
            "tool": lambda: with_session({"tools": [{"type": "function", **told["tool"]}]}, tool),
        }
    )
)
