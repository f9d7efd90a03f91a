"""Pipecat's `OpenAIRealtimeLLMService` in a pipeline with Pipecat's own context aggregators; frames go in, frames come out."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from loguru import logger
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    ProposedUserStartedSpeakingFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner
from scenes import pieces, play, sound, told

logger.remove()
logger.add(sys.stderr, level="WARNING")

WATCHED = (ErrorFrame, FunctionCallResultFrame, LLMFullResponseEndFrame, LLMTextFrame, ProposedUserStartedSpeakingFrame, TranscriptionFrame)

# Pipecat's own examples begin like this: a service that was given no context takes the first turn for one, and has it answered twice.
GREETING = [{"role": "user", "content": "hello"}]


class Watch(FrameProcessor):
    """Passes everything on, and keeps what a scene waits for."""

    def __init__(self, seen: asyncio.Queue[Frame]) -> None:
        super().__init__()
        self.seen = seen

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, WATCHED):
            self.seen.put_nowait(frame)
        await self.push_frame(frame, direction)


class Talk:
    def __init__(self, worker: PipelineWorker, seen: asyncio.Queue[Frame]) -> None:
        self.worker = worker
        self.seen = seen
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def next(self, kind: type[Frame]) -> Frame:
        while True:
            frame = await self.seen.get()
            if isinstance(frame, ErrorFrame):
                raise RuntimeError(frame.error)
            # Words are told whenever they are known: before, within or after the answer.
            if isinstance(frame, TranscriptionFrame):
                self.words.put_nowait(frame.text)
            if isinstance(frame, kind):
                return frame

    async def speak(self, name: str) -> None:
        for piece in pieces(sound(name)):
            await self.worker.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=24_000, num_channels=1))
            # Its pipeline takes a turn's frames for those of the turn before when speech comes much faster than people speak.
            await asyncio.sleep(0.025)

    async def said(self) -> str:
        """What the next response says that says something."""
        said = ""
        while said == "" or not isinstance(frame, LLMFullResponseEndFrame):
            frame = await self.next(Frame)
            if isinstance(frame, LLMTextFrame):
                said += frame.text
        return said


async def with_session(
    hold: Callable[[Talk], Awaitable[dict]],
    *,
    context: LLMContext,
    audio: events.AudioInput | None = None,
    register: Callable[[OpenAIRealtimeLLMService], None] = lambda _: None,
) -> dict:
    properties = events.SessionProperties(
        output_modalities=["text"], audio=audio and events.AudioConfiguration(input=audio)
    )
    service = OpenAIRealtimeLLMService(
        api_key=told["key"],
        base_url=f"{told['url'].replace('http', 'ws')}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(model="nano", session_properties=properties),
    )
    register(service)
    seen: asyncio.Queue[Frame] = asyncio.Queue()
    aggregators = LLMContextAggregatorPair(context)
    # One watch on each side: what the service heard goes upstream, what it says downstream.
    pipeline = Pipeline([aggregators.user(), Watch(seen), service, Watch(seen), aggregators.assistant()])
    worker = PipelineWorker(pipeline, idle_timeout_secs=None)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        await worker.queue_frame(LLMContextFrame(context))
        return await hold(Talk(worker, seen))
    finally:
        await runner.cancel()
        await running


async def vad(talk: Talk) -> dict:
    await talk.said()
    await talk.speak("milk")
    said = await talk.said()
    if talk.words.empty():
        await talk.next(TranscriptionFrame)
    return {"heard": talk.words.get_nowait(), "said": said}


async def push_to_talk(talk: Talk) -> dict:
    await talk.said()
    await talk.speak("americano")
    await talk.worker.queue_frame(UserStoppedSpeakingFrame())
    return {"said": await talk.said()}


async def text(talk: Talk) -> dict:
    return {"said": await talk.said()}


async def barge_in(talk: Talk) -> dict:
    await talk.next(LLMTextFrame)
    await talk.speak("milk")
    await talk.next(ProposedUserStartedSpeakingFrame)
    await talk.next(LLMFullResponseEndFrame)
    return {"interrupted": "interrupted", "said": await talk.said()}


async def tool() -> dict:
    calls: list[dict] = []

    async def order(params: FunctionCallParams) -> None:
        calls.append({"called": params.function_name, "with": dict(params.arguments)})
        await params.result_callback({"ok": True})

    async def hold(talk: Talk) -> dict:
        await talk.said()
        await talk.speak("milk")
        await talk.next(FunctionCallResultFrame)
        return {**calls[0], "said": await talk.said()}

    declared = told["tool"]
    schema = FunctionSchema(
        name=declared["name"],
        description=declared["description"],
        properties=declared["parameters"]["properties"],
        required=declared["parameters"]["required"],
    )
    return await with_session(
        hold,
        context=LLMContext(messages=GREETING, tools=ToolsSchema(standard_tools=[schema])),
        register=lambda service: service.register_function(declared["name"], order),
    )


def asks(words: str) -> LLMContext:
    return LLMContext(messages=[{"role": "user", "content": words}])


def greets() -> LLMContext:
    return LLMContext(messages=GREETING)


transcription = events.InputAudioTranscription()
asyncio.run(
    play(
        {
            "vad": lambda: with_session(vad, context=greets(), audio=events.AudioInput(transcription=transcription)),
            "push-to-talk": lambda: with_session(push_to_talk, context=greets(), audio=events.AudioInput(turn_detection=False)),
            "text": lambda: with_session(text, context=asks(told["text"])),
            "barge-in": lambda: with_session(barge_in, context=asks(told["long"])),
            "tool": tool,
        }
    )
)
