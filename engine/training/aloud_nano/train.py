"""Train nano for a given time, on shards that may still be growing, on one or more GPUs.

``--ears`` seconds first, if any: the encoder alone follows Whisper's, which hears whole clips at
once, and its own heads learn. Then ``--seconds`` of everything.

Usage: [torchrun --nproc-per-node 2 -m | python -m] aloud_nano.train --shards DIR \
           --recordings DIR --text text.json --tokenizer tokenizer.json --hearing hearing.json \
           --whisper start.pt --encoder audio_encoder_quantized.onnx --output DIR
"""

from __future__ import annotations

import argparse
import json
import random
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aloud_nano.augment import Renderer
from aloud_nano.batch import BatchShape
from aloud_nano.config import NanoConfig
from aloud_nano.encoder import WhisperEncoder
from aloud_nano.loader import Loader, LoaderSetup, Mix, TurnSource, real_speech
from aloud_nano.mgrd import PromptSource, Refinery
from aloud_nano.model import Nano, load_checkpoint, save_checkpoint
from aloud_nano.optim import EARS_RATES, RATES, TUNING_RATES, Optimiser
from aloud_nano.shipped import shipped_decoder, shipped_encoder, shipped_model
from aloud_nano.sound_tasks import make_tasks
from aloud_nano.sounds import bank_of_recordings, make_bank
from aloud_nano.trainer import Stage, Trainer
from aloud_nano.tune import DecoderTrainer, Ears
from aloud_nano.warm_start import start_from_whisper
from aloud_nano.workers import Workers

RESERVED = 12  # one shard in so many is kept for measuring
REFINED = 120  # shards that MGRD draws its questions from


def stages(args: argparse.Namespace) -> list[Stage]:
    """The encoder's own stage first, if there is one. Whoever starts from a trained model keeps
    its ears close to Whisper's: what the tasks alone make of them hears people less well."""
    if args.model is None:
        return [Stage("cold", args.seconds, RATES)]
    follow = Stage("ears", args.ears, EARS_RATES, reads=False, distil=lambda _: 5.0, ctc=0.2)
    rest = Stage("cold", args.seconds, TUNING_RATES, distil=lambda _: 5.0, ctc=0.2)
    return [stage for stage in (follow, rest) if stage.seconds > 0]


def rate_scale(step: int, progress: float, warm_up: int = 150, hold: float = 0.4) -> float:
    """Warm up, hold for a share of the time, then straight to zero."""
    warm = min(1.0, (step + 1) / warm_up)
    return warm * (1.0 if progress < hold else max(0.01, (1 - progress) / (1 - hold)))


class PcmStore:
    """All speech on the device as int16; shards are appended as they appear."""

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.samples = torch.zeros(capacity, dtype=torch.int16, device=device)
        self.used = 0

    def append(self, samples: np.ndarray) -> int:
        offset = self.used
        if offset + len(samples) > len(self.samples):
            raise MemoryError(f"PCM store is full at {offset} samples")
        self.samples[offset : offset + len(samples)] = torch.from_numpy(samples).to(
            self.samples.device
        )
        self.used += len(samples)
        return offset

    def fits(self, count: int) -> bool:
        return self.used + count <= len(self.samples)


class ShardFeed:
    """Moves finished shards into the store and tells the loader."""

    def __init__(self, directory: Path, store: PcmStore, workers: Workers) -> None:
        self.directory = directory
        self.store = store
        self.workers = workers
        self.known: set[str] = set()
        self.trained: list[tuple[Path, int]] = []  # shard and offset in the store
        self.reserved: list[tuple[Path, int]] = []  # never trained on: what progress is measured on

    def poll(self, loader: Loader, limit: int = 1) -> int:
        moved = 0
        # The last numbers first: neural voices speak slowly, and nobody waits for what is plenty.
        for path in sorted(self.directory.glob("shard_*.json"), reverse=True):
            if moved >= limit:
                break
            if path.name in self.known or not self.workers.owns(path.stem):
                continue
            samples = np.fromfile(path.with_suffix(".i16"), np.int16)
            self.known.add(path.name)
            if not self.store.fits(len(samples)):
                continue
            offset = self.store.append(samples)
            if zlib.crc32(f"reserved {path.stem}".encode()) % RESERVED == 0:
                self.reserved.append((path, offset))
            else:
                loader.announce(path, offset)
                self.trained.append((path, offset))
            path.with_suffix(".i16").unlink()
            moved += 1
        return moved


class Log:
    """Averages since the last line; reads the device only when it prints."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", buffering=1)
        self.started = time.time()
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def say(self, text: str) -> None:
        line = f"[{time.time() - self.started:7.1f}] {text}"
        print(line, flush=True)
        self.file.write(line + "\n")

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(value.detach())) + value.detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> str:
        text = " ".join(f"{n} {float(v) / self.counts[n]:.4f}" for n, v in self.sums.items())
        self.sums.clear()
        self.counts.clear()
        return text


def run(
    trainer: Trainer, stage: Stage, loader: Loader, feed: ShardFeed, log: Log, workers: Workers,
    args: Any,
) -> None:  # fmt: skip
    """Train for ``stage.seconds``; all processes see the clock of the first."""
    optimiser = Optimiser(trainer.model, rates=stage.rates)
    parameters = [p for p in trainer.model.parameters() if p.requires_grad]
    started = last = saved = time.time()
    step = last_step = turns = 0
    waited = progress = 0.0
    while True:
        if step % 10 == 0:
            progress = workers.same((time.time() - started) / stage.seconds if stage.seconds else 1)
            if progress >= 1:
                break
            feed.poll(loader, limit=4)
        before = time.time()
        batch = loader.get()
        waited += time.time() - before
        losses = trainer.losses(batch, stage.distil(progress), stage)
        losses["total"].backward()
        workers.average([p.grad for p in parameters if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimiser.step(args.scale * rate_scale(step, progress, args.warm_up, args.hold))
        for parameter in parameters:
            parameter.grad = None
        if step % 5 == 0:
            log.add(losses)
        step += 1
        turns += int(batch["turns"])
        now = time.time()
        if now - last > args.report:
            text = log.means()
            now = time.time()
            log.say(
                f"step {step} turns {turns} {text} progress {progress:.3f} "
                f"{(now - last) / (step - last_step) * 1000:.0f} ms/step wait {waited:.1f} s "
                f"shards {len(feed.known)} utterances {len(batch['blocks'])}"
            )
            last, last_step, waited = now, step, 0.0
        if now - saved > 150 and workers.is_first:
            save_checkpoint(trainer.model, args.output / "part.tmp")
            (args.output / "part.tmp").rename(args.output / "part.pt")
            saved = now
    log.say(f"{stage.name}: {step} steps, {turns} turns a process in {time.time() - started:.0f} s")


def refine(
    trainer: Trainer, loader: Loader, setup: LoaderSetup, feed: ShardFeed, log: Log,
    workers: Workers, args: Any,
) -> None:  # fmt: skip
    """Two rounds of MGRD (``mgrd.py``), measured before, between and after."""
    sources = []
    some = random.Random(0).sample(feed.trained, min(REFINED, len(feed.trained)))
    for shards in (some, feed.reserved):
        source = TurnSource(setup, seed=500 + workers.rank)
        for path, offset in shards:
            source.add_shard(path, offset)
        dialogues = [*source.synthetic, *source.neural]
        entries = [entry for dialogue in dialogues for entry in dialogue]
        sources.append((source, PromptSource(source, entries, seed=600 + workers.rank)))
    (source, train), (_, held) = sources
    refinery = Refinery(
        trainer, loader, source, train, held, workers, log.say, args.output, args.measured
    )
    refinery.measure("cold start")
    for number in (1, 2):
        refinery.round(number, args.sampling, args.tuning, args.reinforcing)
        if workers.is_first:
            save_checkpoint(trainer.model, args.output / f"round{number}.pt")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shards", "recordings", "text", "tokenizer", "hearing", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    begin = parser.add_mutually_exclusive_group(required=True)
    begin.add_argument("--whisper", type=Path, help="weights that make_tokenizer pruned")
    begin.add_argument("--tune", type=Path, help="model directory whose decoder is trained on")
    begin.add_argument("--model", type=Path, help="model directory that is trained on")
    parser.add_argument("--encoder", type=Path, help="an earlier nano's audio_encoder (int8)")
    parser.add_argument("--teacher", type=Path, help="Whisper's weights, with --model")
    parser.add_argument("--ears", type=float, default=0, help="seconds of the encoder alone")
    parser.add_argument("--seconds", type=float, default=1000, help="0: only --refine")
    parser.add_argument("--start", type=Path, help="continue from this checkpoint of nano")
    parser.add_argument("--scale", type=float, default=1.0, help="of all learning rates")
    parser.add_argument("--warm-up", type=int, default=150, help="steps")
    parser.add_argument("--hold", type=float, default=0.4, help="share at the full rate")
    parser.add_argument("--real", type=float, default=Mix.real, help="share of speech")
    parser.add_argument("--neural", type=float, default=Mix.neural, help="of other speech")
    parser.add_argument("--typed", type=float, default=Mix.typed, help="share of pieces")
    parser.add_argument("--typed-dialogue", type=float, default=Mix.typed_dialogue)
    parser.add_argument("--refine", action="store_true", help="two rounds of MGRD afterwards")
    parser.add_argument("--sampling", type=float, default=25, help="seconds, of each round")
    parser.add_argument("--tuning", type=int, default=200, help="steps, of each round")
    parser.add_argument("--reinforcing", type=int, default=40, help="steps, of each round")
    parser.add_argument("--measured", type=int, default=3, help="batches, after each stage")
    parser.add_argument("--report", type=float, default=15)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--audio-rows", type=int, default=BatchShape.audio_rows)
    parser.add_argument("--text-rows", type=int, default=BatchShape.text_rows)
    parser.add_argument("--text-length", type=int, default=BatchShape.text_length)
    parser.add_argument("--spoken", type=int, default=BatchShape.spoken)
    parser.add_argument("--bank", type=int, default=2400, help="procedural sounds")
    parser.add_argument("--tasks", type=int, default=8000, help="sounds to be asked about")
    parser.add_argument("--capacity", type=int, default=9_500_000_000, help="PCM samples")
    parser.add_argument("--first-shards", type=int, default=24, help="wait for so many")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    if args.model and not args.teacher:
        parser.error("--model needs --teacher: Whisper's weights, which the ears follow")
    return args


def start_model(args: argparse.Namespace, device: torch.device) -> tuple[Nano, WhisperEncoder]:
    """nano on Whisper's weights (with an earlier nano's streaming encoder) or as a model directory
    has it, and the teacher."""
    weights = torch.load(args.whisper or args.teacher, map_location="cpu", weights_only=True)
    if args.model:
        model = shipped_model(args.model)
    else:
        model = Nano(NanoConfig())
        start_from_whisper(model, weights)
    teacher = WhisperEncoder(model.config.encoder)
    prefix = "encoder.whisper."
    teacher.load_state_dict(
        {n.removeprefix(prefix): v.float() for n, v in weights.items() if n.startswith(prefix)}
    )
    if args.encoder:
        model.encoder.whisper.load_state_dict(shipped_encoder(args.encoder))
    if args.start:
        model.load_state_dict(load_checkpoint(args.start).state_dict())
    return model.to(device), teacher.to(device).eval().requires_grad_(False)


def make_trainer(args: argparse.Namespace, renderer: Renderer, shape: BatchShape) -> Trainer:
    device = renderer.store.device
    if args.tune is None:
        model, teacher = start_model(args, device)
        return Trainer(model, teacher, renderer, shape, compiled=not args.eager)
    model = Nano()
    model.decoder.load_state_dict(shipped_decoder(args.tune, model.config.decoder))
    if args.start:
        model.load_state_dict(load_checkpoint(args.start).state_dict())
    return DecoderTrainer(model.to(device), Ears(args.tune), renderer, shape)


def main() -> None:
    args = parse()
    workers = Workers()
    args.output.mkdir(parents=True, exist_ok=True)
    log = Log(args.output / f"train{workers.rank}.log")
    torch.manual_seed(workers.rank)
    torch.set_float32_matmul_precision("high")
    device = workers.device
    store = PcmStore(args.capacity, device)
    clips = json.loads((args.recordings / "recordings.json").read_text())
    pcm = np.fromfile(args.recordings / "recordings.i16", np.int16)
    real = real_speech(clips, store.append(pcm))
    bank = make_bank(1, args.bank, processes=args.workers if device.type == "cuda" else 1)
    sounds = [c for c in clips if c["set"] == "sounds" and c["split"] == "train"]
    bank = bank.extended(bank_of_recordings(pcm, sounds))
    spare = args.workers if device.type == "cuda" else 1
    bank = bank.extended(make_tasks(2, args.tasks, processes=spare))
    log.say(f"{len(real)} real entries, {len(bank.kinds)} sounds")

    shape = BatchShape(args.audio_rows, args.text_rows, args.text_length, args.spoken)
    mix = Mix(
        typed=args.typed, typed_dialogue=args.typed_dialogue, real=args.real, neural=args.neural
    )
    setup = LoaderSetup(args.tokenizer, args.hearing, args.text, bank.index(), shape, real, mix)
    loader = Loader(setup, args.workers, seed=workers.rank + 1)
    feed = ShardFeed(args.shards, store, workers)
    while len(feed.known) < args.first_shards:
        if not feed.poll(loader, limit=100):
            time.sleep(0.5)
    log.say(f"starting with {len(feed.known)} shards")
    renderer = Renderer(store.samples, torch.from_numpy(bank.waves).to(device))
    trainer = make_trainer(args, renderer, shape)
    model = trainer.model
    log.say(f"parameters {model.parameter_count()} on {device}")
    for stage in stages(args):
        run(trainer, stage, loader, feed, log, workers, args)
        if workers.is_first:
            save_checkpoint(model, args.output / f"{stage.name}.pt")
    if args.refine:
        refine(trainer, loader, setup, feed, log, workers, args)
    loader.close()
    if workers.is_first:
        save_checkpoint(model, args.output / "nano.pt")
    if device.type == "cuda":
        log.say(f"peak memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    workers.close()


if __name__ == "__main__":
    main()
