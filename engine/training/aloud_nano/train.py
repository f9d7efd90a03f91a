"""Train nano on one GPU, for a given time, on shards that may still be growing.

Usage: python -m aloud_nano.train --shards DIR --recordings DIR --text text.json \
           --tokenizer tokenizer.json --whisper whisper_tiny_en.pt --output DIR --seconds 1200
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aloud_nano.augment import Renderer, ctc_loss, group_by_length, speech_frames
from aloud_nano.batch import IGNORE, Batch, BatchShape
from aloud_nano.config import BLOCK_FRAMES, NanoConfig
from aloud_nano.encoder import WhisperEncoder, packed_mask
from aloud_nano.loader import Loader, LoaderSetup, real_speech
from aloud_nano.model import Nano, save_checkpoint
from aloud_nano.optim import Optimiser
from aloud_nano.scene import MAX_BLOCKS, BankIndex
from aloud_nano.sounds import bank_of_recordings, make_bank

CTC_WEIGHT = 0.3
DISTIL_LAYER = 1  # hidden state (0-based) that is distilled besides the final one


def distil_weight(progress: float) -> float:
    """Follow the original encoder at first, then let go."""
    return 1.0 if progress < 0.35 else 0.3 if progress < 0.75 else 0.0


def rate_scale(step: int, progress: float, warm_up: int = 150) -> float:
    """Warm up, hold until 40 % of the time, then straight to zero."""
    warm = min(1.0, (step + 1) / warm_up)
    return warm * (1.0 if progress < 0.4 else max(0.01, (1 - progress) / 0.6))


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

    def __init__(self, directory: Path, store: PcmStore) -> None:
        self.directory = directory
        self.store = store
        self.known: set[str] = set()

    def poll(self, loader: Loader, limit: int = 1) -> int:
        moved = 0
        for path in sorted(self.directory.glob("shard_*.json")):
            if moved >= limit:
                break
            if path.name in self.known:
                continue
            samples = np.fromfile(path.with_suffix(".i16"), np.int16)
            self.known.add(path.name)
            if not self.store.fits(len(samples)):
                continue
            loader.announce(path, self.store.append(samples))
            path.with_suffix(".i16").unlink()
            moved += 1
        return moved


class Trainer:
    def __init__(
        self, model: Nano, teacher: WhisperEncoder, renderer: Renderer, shape: BatchShape,
        compiled: bool,
    ) -> None:  # fmt: skip
        self.model, self.teacher, self.renderer, self.shape = model, teacher, renderer, shape
        self.device = renderer.store.device
        self.encode: Callable[..., tuple[Tensor, ...]] = self._encode
        self.teach: Callable[..., tuple[Tensor, Tensor]] = self._teach
        self.read: Callable[..., Tensor] = self._read
        if compiled:
            self.encode = torch.compile(self._encode, dynamic=False)
            self.teach = torch.compile(self._teach, dynamic=False)
            self.read = torch.compile(self._read, dynamic=False)

    def _encode(
        self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Audio embeddings, CTC logits, final and distilled hidden states."""
        out = self.model.encoder.packed(mel, start, position, mask)
        return out.audio, out.ctc, out.final, out.hidden[DISTIL_LAYER]

    def _teach(
        self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden = self.teacher.packed(mel, start, position, mask)
        return hidden[-1], hidden[DISTIL_LAYER]

    def _read(
        self, ids: Tensor, audio: Tensor, sources: Tensor, targets: Tensor, positions: Tensor,
        mask: Tensor, labels: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Cross entropy over nano's own words, and how many of them are the most likely ones."""
        decoder = self.model.decoder
        x = decoder.embed(ids)
        flat = F.pad(x.flatten(0, 1), (0, 0, 0, 1))  # one spare row takes the unused embeddings
        chosen = audio.flatten(0, 1)[sources].to(flat.dtype)
        flat = flat.index_copy(0, targets, chosen)[:-1]
        hidden = decoder(flat.view_as(x), positions, mask)
        logits = decoder.logits(hidden).flatten(0, 1).float()
        labels = labels.flatten()
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORE)
        counted = labels != IGNORE
        right = ((logits.argmax(-1) == labels) & counted).sum() / counted.sum()
        return loss, right

    def autocast(self) -> Any:
        return (
            torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()
        )

    def to_device(self, batch: Batch) -> dict[str, Tensor]:
        wide = {"int32": torch.int64, "int16": torch.int64}
        moved = {}
        for name, value in batch.items():
            tensor = torch.from_numpy(np.asarray(value)).to(self.device, non_blocking=True)
            moved[name] = tensor.to(wide.get(str(value.dtype), tensor.dtype))
        return moved

    def losses(self, batch: Batch, distil: float) -> dict[str, Tensor]:
        groups = [
            group.to(self.device)
            for group in group_by_length(
                torch.from_numpy(batch["blocks"]), torch.from_numpy(batch["first_block"])
            )
        ]
        on = self.to_device(batch)
        rows = self.shape.audio_rows
        student, clean = self.renderer.features(on, groups, rows * MAX_BLOCKS, distil > 0)
        utterance = on["utterance"].view(rows, MAX_BLOCKS)
        index = on["block_index"].view(rows, MAX_BLOCKS)
        start, position = index == 0, on["block_position"].view(rows, MAX_BLOCKS)
        mask = packed_mask(utterance, index, streaming=True)
        if self.device.type != "cuda":
            mask = mask.float()
        packed = (rows, MAX_BLOCKS, *student.shape[1:])
        with self.autocast():
            audio, letters, final, middle = self.encode(student.view(packed), start, position, mask)
            ce, right = self.read(
                on["ids"], audio, on["sources"], on["targets"], on["positions"],
                self._conversation_mask(on["conversation"]), on["labels"],
            )  # fmt: skip
        ctc = ctc_loss(
            letters.reshape(rows * MAX_BLOCKS, BLOCK_FRAMES, -1), on,
            torch.from_numpy(batch["blocks"]) * BLOCK_FRAMES,
            torch.from_numpy(batch["ctc_length"]),
        )  # fmt: skip
        total = ce + CTC_WEIGHT * ctc
        result = {"ce": ce, "ctc": ctc, "right": right}
        if clean is not None:
            full = packed_mask(utterance, index, streaming=False)
            full = full if self.device.type == "cuda" else full.float()
            with torch.no_grad(), self.autocast():
                goal = self.teach(clean.view(packed), start, index, full)
            where = speech_frames(on, BLOCK_FRAMES).float()
            result["distil"] = _distance(final, goal[0], where) + 0.5 * _distance(
                middle, goal[1], where
            )
            total = total + distil * result["distil"]
        return result | {"total": total}

    def _conversation_mask(self, conversation: Tensor) -> Tensor:
        """[R, S] conversation numbers → additive causal mask [R, 1, S, S]."""
        size = conversation.shape[1]
        same = conversation[:, :, None] == conversation[:, None, :]
        causal = torch.ones(size, size, dtype=torch.bool, device=conversation.device).tril()
        kind = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        bias = torch.zeros(same.shape, dtype=kind, device=conversation.device)
        return bias.masked_fill(~(same & causal), -30_000.0)[:, None]


def _distance(student: Tensor, teacher: Tensor, where: Tensor) -> Tensor:
    """Mean squared error relative to the teacher's power, over the marked frames."""
    goal = teacher.float()
    error = (student.float() - goal).square().mean(-1) / (goal.square().mean(-1) + 1e-3)
    return (error.flatten() * where).sum() / (where.sum() + 1)


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


def run(trainer: Trainer, loader: Loader, feed: ShardFeed, log: Log, args: Any) -> None:
    optimiser = Optimiser(trainer.model, muon=args.muon, adam=args.muon * 0.4, encoder=args.encoder)
    parameters = [p for p in trainer.model.parameters() if p.requires_grad]
    started = last = saved = time.time()
    step = last_step = turns = 0
    waited = 0.0
    while (progress := (time.time() - started) / args.seconds) < 1:
        if step % 2 == 0:
            feed.poll(loader)
        before = time.time()
        batch = loader.get()
        waited += time.time() - before
        losses = trainer.losses(batch, distil_weight(progress))
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimiser.step(rate_scale(step, progress))
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
                f"step {step} turns {turns} {text} rate {rate_scale(step, progress):.3f} "
                f"{(now - last) / (step - last_step) * 1000:.0f} ms/step wait {waited:.1f} s "
                f"shards {len(feed.known)} utterances {len(batch['blocks'])}"
            )
            last, last_step, waited = now, step, 0.0
        if now - saved > 150:
            save_checkpoint(trainer.model, args.output / "part.tmp")
            (args.output / "part.tmp").rename(args.output / "part.pt")
            saved = now
    log.say(f"trained {step} steps, {turns} turns in {time.time() - started:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shards", "recordings", "text", "tokenizer", "whisper", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--report", type=float, default=15)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--muon", type=float, default=0.004)
    parser.add_argument("--encoder", type=float, default=2.0e-4)
    parser.add_argument("--audio-rows", type=int, default=160)
    parser.add_argument("--text-rows", type=int, default=72)
    parser.add_argument("--bank", type=int, default=2400, help="procedural sounds")
    parser.add_argument("--capacity", type=int, default=9_500_000_000, help="PCM samples")
    parser.add_argument("--first-shards", type=int, default=24, help="wait for so many")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    log = Log(args.output / "train.log")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    store = PcmStore(args.capacity, device)
    clips = json.loads((args.recordings / "recordings.json").read_text())
    pcm = np.fromfile(args.recordings / "recordings.i16", np.int16)
    real = real_speech(clips, store.append(pcm))
    bank = make_bank(1, args.bank, processes=args.workers if device.type == "cuda" else 1)
    sounds = [c for c in clips if c["set"] == "sounds" and c["split"] == "train"]
    bank = bank.extended(bank_of_recordings(pcm, sounds))
    log.say(f"{len(real)} real entries, {len(bank.kinds)} sounds")

    shape = BatchShape(args.audio_rows, args.text_rows)
    index = BankIndex(bank.kinds, bank.counts, bank.lengths)
    loader = Loader(LoaderSetup(args.tokenizer, args.text, index, shape, real), args.workers)
    model = Nano(NanoConfig()).to(device)
    weights = torch.load(args.whisper, map_location=device, weights_only=True)
    weights = {name: value.float() for name, value in weights.items()}
    model.encoder.whisper.load_state_dict(weights)
    teacher = WhisperEncoder(model.config.encoder).to(device).eval().requires_grad_(False)
    teacher.load_state_dict(weights)
    log.say(f"parameters {model.parameter_count()} on {device}")

    feed = ShardFeed(args.shards, store)
    while len(feed.known) < args.first_shards:
        if not feed.poll(loader, limit=100):
            time.sleep(0.5)
    log.say(f"starting with {len(feed.known)} shards")
    renderer = Renderer(store.samples, torch.from_numpy(bank.waves).to(device))
    trainer = Trainer(model, teacher, renderer, shape, compiled=not args.eager)
    run(trainer, loader, feed, log, args)
    loader.close()
    save_checkpoint(model, args.output / "nano.pt")
    if device.type == "cuda":
        log.say(f"peak memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
