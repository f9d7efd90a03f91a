import asyncio

from pipecat.frames.frames import EndFrame, LLMContextFrame, LLMFullResponseEndFrame, LLMTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner


class Print(FrameProcessor):
    said = ""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            self.said += frame.text
        if isinstance(frame, LLMFullResponseEndFrame):
            print(self.said)
            await worker.queue_frame(EndFrame())
        await self.push_frame(frame, direction)


async def main() -> None:
    global worker
    worker = PipelineWorker(Pipeline([llm, Print()]))
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await worker.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "set a timer for five minutes"}])))
    await runner.run()


asyncio.run(main())
