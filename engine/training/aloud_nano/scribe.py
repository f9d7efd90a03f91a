"""The scribe: Whisper tiny.en's decoder behind nano's ears, which writes down what is said.

nano's own decoder reads, thinks and answers, and forgets the rarer words over it; Whisper's knows
them. It only has to learn to write lower case and numbers as words, to attend to frames that are
pooled in pairs, and to stop without half a minute of padding: minutes of a CPU, on ears that stay
as they are.

    python -m aloud_nano.scribe begin TEXT.json WHISPER_TOKENIZER.json WHISPER.pt BEGIN
    python -m aloud_nano.scribe hear HEARD --model DIRECTORY --shards syn --recordings real \\
        --text text.json --tokenizer tokenizer.json --hearing hearing.json --seconds 600
    python -m aloud_nano.scribe train HEARD --begin BEGIN --seconds 1500 --output first.pt
    python -m aloud_nano.scribe average scribe.pt first.pt=0.4 second.pt=0.6

``begin`` prunes Whisper's tokenizer to the pieces that lower-case English needs, and its decoder to
match: a word whose piece is gone has to be spelled in a way that Whisper never learned. ``hear``
renders utterances and keeps what nano's encoder makes of them; ``train`` may run beside it and
learns from what is there. Both use one thread each unless told otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from aloud_nano.augment import Renderer, group_by_length
from aloud_nano.batch import BatchShape
from aloud_nano.config import (
    BLOCK_FRAMES,
    CROSS_PER_BLOCK,
    FRAMES_PER_CROSS,
    SAMPLE_RATE,
    SCRIBE_END,
    SCRIBE_PROMPT,
    SCRIBE_VOCAB,
)
from aloud_nano.decoder import Scribe
from aloud_nano.encoder import block_mask
from aloud_nano.grammar import Sampler
from aloud_nano.loader import Entry, LoaderSetup, Mix, TurnSource, real_speech
from aloud_nano.make_tokenizer import pruned_weights
from aloud_nano.scene import KINDS, RENDER_FLOATS, RENDER_INTEGERS, Scene
from aloud_nano.shipped import shipped_model, shipped_scribe
from aloud_nano.sound_tasks import make_tasks
from aloud_nano.sounds import bank_of_recordings, make_bank
from aloud_nano.splices import entry as splice_entry
from aloud_nano.tokens import ID, load_tokenizer, prune
from aloud_nano.turns import IGNORE

PROMPT = tuple(ID[name] for name in SCRIBE_PROMPT)
END = ID[SCRIBE_END]
WHISPER_PROMPT, WHISPER_END = (50257, 50362), 50256
MIX = Mix(
    typed=0, typed_dialogue=0, sound=0.02, silence=0.01, noise=0.05, unclear=0.04, real=0.55,
    spliced=0.85, neural=0.75, tools=0, cut=0,
)  # fmt: skip
HEARD_AT_ONCE = 48  # utterances
BATCH = 32
JOINED_TIMES = 4  # as often drawn as a splice
JOINED_LEVEL = 2000  # RMS of a sentence
LONGEST = 8.8  # s of several sentences
WARM_UP, LOOK_EVERY = 40, 20  # steps
HOLD = 0.4  # share of the time at the full rate


def pooled_frames(final: Tensor) -> Tensor:
    """The encoder's frames [B, T, D] as the scribe attends to them: [B, T/2, D]."""
    return final.unflatten(1, (-1, FRAMES_PER_CROSS)).mean(2)


def load_scribe(path: Path) -> Scribe:
    scribe = Scribe()
    stored: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    scribe.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    return scribe.eval()


def save_scribe(scribe: Scribe, path: Path) -> None:
    torch.save({name: tensor.half() for name, tensor in scribe.state_dict().items()}, path)


def start_from_whisper(whisper: dict[str, Tensor], pieces: list[int]) -> Scribe:
    """Whisper's decoder with the embeddings of ``pieces`` (-1: our own) and of its prompt."""
    scribe = Scribe()
    pruned = pruned_weights(whisper, pieces)
    state = {n: t.float() for n, t in pruned.items() if n.startswith(("decoder.", "encoder.cross"))}
    state = {name.removeprefix("encoder."): value for name, value in state.items()}
    embed = whisper["decoder.embed.weight"].float()
    for own, theirs in zip((*PROMPT, END), (*WHISPER_PROMPT, WHISPER_END), strict=True):
        state["decoder.embed.weight"][own] = embed[theirs]
    scribe.load_state_dict(state)
    return scribe


def begin(args: argparse.Namespace) -> None:
    stored = json.loads(args.text.read_text())
    sampler = Sampler("train", stored["sentences"], stored["words"], 0.0)
    rng = random.Random(3)
    said = [*stored["sentences"], *(sampler.draw(rng).text for _ in range(60_000))]
    tokenizer, pieces = prune(args.whisper_tokenizer, (f" {text}" for text in said), SCRIBE_VOCAB)
    args.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.output / "scribe_tokenizer.json"))
    whisper = torch.load(args.whisper, map_location="cpu", weights_only=True)
    save_scribe(start_from_whisper(whisper, pieces), args.output / "scribe.pt")
    print(f"{len(pieces)} tokens → {args.output}")


@dataclass
class Heard:
    """frames [F, D] float16, what is said in them as token ids, and where it came from."""

    frames: np.ndarray
    ids: list[int]


def words_of(scene: Scene, pieces: list[str]) -> str | None:
    """What is said in a scene; empty where nobody speaks clearly, None where nobody knows."""
    if scene.silent_labels:
        return None
    return "".join(pieces[piece - 1] for piece in scene.ctc).strip()


def fields(scenes: list[Scene]) -> dict[str, Tensor]:
    on = {name: torch.tensor([getattr(s, name) for s in scenes]) for name in RENDER_INTEGERS}
    on |= {
        name: torch.tensor([getattr(s, name) for s in scenes], dtype=torch.float32)
        for name in RENDER_FLOATS
    }
    on["kind"] = torch.tensor([KINDS.index(s.kind) for s in scenes])
    on["silent_floor"] = torch.tensor([s.silent_floor for s in scenes])
    return on


@torch.no_grad()
def frames_of(model: Any, renderer: Renderer, scenes: list[Scene]) -> list[np.ndarray]:
    on = fields(scenes)
    first = torch.tensor([0, *np.cumsum([s.blocks for s in scenes])[:-1]])
    groups = group_by_length(on["blocks"], first, 1)
    rows = sum(s.blocks for s in scenes)
    features, _ = renderer.features(on, groups, rows, False)
    found: list[np.ndarray] = [np.zeros(0)] * len(scenes)
    for group in groups:
        members = group.members.tolist()
        mel = torch.full((len(members), 80, 48 * group.blocks), -1.0)
        for row, member in enumerate(members):
            size = scenes[member].blocks
            own = features[first[member] : first[member] + size]  # [blocks, 80, 48]
            mel[row, :, : 48 * size] = own.transpose(0, 1).flatten(1)
        late = torch.randint(0, 62, (len(members),)) * (torch.rand(len(members)) < 0.2)
        mask = block_mask(mel.shape[2] // 2)
        final = model.encoder.whisper(mel, mask, late * BLOCK_FRAMES)[-1]
        pooled = pooled_frames(final).half().numpy()
        for row, member in enumerate(members):
            found[member] = pooled[row, : scenes[member].blocks * CROSS_PER_BLOCK]
    return found


def said(source: TurnSource, pieces: list[str], count: int) -> tuple[list[Scene], list[str]]:
    """So many scenes or a few more, and what is said in them."""
    scenes: list[Scene] = []
    texts: list[str] = []
    while len(scenes) < count:
        for _, scene in source.piece(source.rng, True):
            text = None if scene is None else words_of(scene, pieces)
            if scene is not None and text is not None:
                scenes.append(scene)
                texts.append(text)
    return scenes, texts


def joined(pcm: np.ndarray, source: TurnSource, count: int) -> tuple[list[Entry], np.ndarray]:
    """Several sentences said in one go: who has heard only single ones stops after the first.

    Entries whose offsets count from the end of ``pcm``, and their samples.
    """
    rng = source.rng
    known = [
        *source.real,
        *(entry for turns in (*source.synthetic, *source.neural) for entry in turns),
    ]
    known = [entry for entry in known if entry["text"] and not entry["question"]]
    entries: list[Entry] = []
    parts: list[np.ndarray] = []
    position = len(pcm)
    while len(entries) < count:
        chosen = rng.sample(known, rng.choice((2, 2, 3, 4)))
        if sum(entry["samples"] for entry in chosen) > LONGEST * SAMPLE_RATE:
            continue
        pieces: list[np.ndarray] = []
        for entry in chosen:
            cut = pcm[entry["offset"] : entry["offset"] + entry["samples"]].astype(np.float32)
            level = (
                JOINED_LEVEL * rng.uniform(0.6, 1.4) / (float(np.sqrt(np.square(cut).mean())) + 1)
            )
            pause = np.zeros(int(rng.uniform(0.02, 0.45) * SAMPLE_RATE), np.float32)
            pieces += [cut * level, pause]
        samples = np.clip(np.concatenate(pieces[:-1]), -32_000, 32_000).astype(np.int16)
        text = " ".join(entry["text"] for entry in chosen)
        entries.append(splice_entry(text, samples, position, source.writer))
        parts.append(samples)
        position += len(samples)
    return entries, np.concatenate(parts)


def hear(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    clips = json.loads((args.recordings / "recordings.json").read_text())
    pcm = np.fromfile(args.recordings / "recordings.i16", np.int16)
    known = [c for c in clips if c["set"] == "sounds" and c["split"] == "train"]
    bank = make_bank(1, args.bank, processes=2).extended(bank_of_recordings(pcm, known))
    bank = bank.extended(make_tasks(2, args.tasks, processes=2))
    setup = LoaderSetup(
        args.tokenizer, args.hearing, args.text, bank.index(), BatchShape(), real_speech(clips, 0),
        MIX,
    )  # fmt: skip
    source = TurnSource(setup, seed=args.seed)
    parts = [pcm]
    for path in sorted(args.shards.glob("shard_*.json")):
        source.add_shard(path, sum(map(len, parts)))
        parts.append(np.fromfile(path.with_suffix(".i16"), np.int16))
    entries, samples = joined(np.concatenate(parts), source, args.joined)
    source.spliced += entries * JOINED_TIMES
    parts.append(samples)
    renderer = Renderer(torch.from_numpy(np.concatenate(parts)), torch.from_numpy(bank.waves))
    model = shipped_model(args.model)
    vocabulary = Tokenizer.from_file(str(args.hearing)).get_vocab()
    pieces = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    args.heard.mkdir(parents=True, exist_ok=True)
    started, number, count = time.time(), 0, 0
    while time.time() - started < args.seconds:
        scenes, texts = said(source, pieces, HEARD_AT_ONCE)
        frames = {f"frames{i}": f for i, f in enumerate(frames_of(model, renderer, scenes))}
        path = args.heard / f"heard_{args.seed}_{number:05}.npz"
        with path.with_suffix(".tmp").open("wb") as file:
            np.savez(file, texts=np.array(texts), **frames)
        path.with_suffix(".tmp").rename(path)
        number += 1
        count += len(scenes)
    print(f"{count} utterances heard in {time.time() - started:.0f} s", flush=True)


class Pool:
    """What was heard so far; ``hear`` may still be adding to it."""

    def __init__(self, directory: Path, tokenizer: Tokenizer, seed: int) -> None:
        self.directory, self.tokenizer = directory, tokenizer
        self.rng = random.Random(seed)
        self.known: set[Path] = set()
        self.heard: list[Heard] = []

    def look(self) -> None:
        for path in sorted(self.directory.glob("heard_*.npz")):
            if path in self.known:
                continue
            self.known.add(path)
            with np.load(path) as stored:
                for number, text in enumerate(stored["texts"].tolist()):
                    words = f" {text}" if text else ""
                    ids = self.tokenizer.encode(words, add_special_tokens=False).ids
                    self.heard.append(Heard(stored[f"frames{number}"], ids))

    def draw(self) -> list[Heard]:
        """A batch of like length, so that little of it is padding."""
        some = self.rng.sample(self.heard, min(len(self.heard), 4 * BATCH))
        some.sort(key=lambda one: len(one.frames))
        start = self.rng.randrange(max(1, len(some) - BATCH + 1))
        return some[start : start + BATCH]


def batch_of(heard: list[Heard]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ids [B, S], labels [B, S], frames [B, F, D], counts [B]."""
    longest = max(len(h.ids) for h in heard) + len(PROMPT)
    width = max(len(h.frames) for h in heard)
    ids = torch.full((len(heard), longest), END)
    labels = torch.full((len(heard), longest), IGNORE)
    frames = torch.zeros(len(heard), width, heard[0].frames.shape[1])
    for row, one in enumerate(heard):
        written = [*PROMPT, *one.ids]
        ids[row, : len(written)] = torch.tensor(written)
        labels[row, len(PROMPT) - 1 : len(written)] = torch.tensor([*one.ids, END])
        frames[row, : len(one.frames)] = torch.from_numpy(one.frames).float()
    return ids, labels, frames, torch.tensor([len(h.frames) for h in heard])


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    start: Path = args.resume or args.begin / "scribe.pt"
    scribe = (shipped_scribe(start) if start.is_dir() else load_scribe(start)).train()
    pool = Pool(args.heard, load_tokenizer(args.begin / "scribe_tokenizer.json"), args.seed)
    words = scribe.decoder.embed.weight
    rest = [parameter for parameter in scribe.parameters() if parameter is not words]
    groups = [{"params": [words], "share": args.words}, {"params": rest, "share": 1.0}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    started, step, progress = time.time(), 0, 0.0
    loss, right = torch.zeros(()), torch.zeros(())
    while progress < 1:
        if step % LOOK_EVERY == 0:
            pool.look()
            print(
                f"[{time.time() - started:6.0f}] step {step} loss {float(loss.detach()):.3f} "
                f"right {float(right):.4f} pool {len(pool.heard)}", flush=True,
            )  # fmt: skip
            if not pool.heard:
                raise FileNotFoundError(f"nothing was heard yet in {args.heard}: run `hear` first")
        scale = min(1.0, (step + 1) / WARM_UP) * min(1.0, max(0.02, (1 - progress) / (1 - HOLD)))
        for group in optimiser.param_groups:
            group["lr"] = args.rate * scale * group["share"]
        ids, labels, frames, counts = batch_of(pool.draw())
        logits, labels = scribe(ids, frames, counts).flatten(0, 1), labels.flatten()
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORE, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(scribe.parameters(), 1.0)
        optimiser.step()
        right = (logits.argmax(-1) == labels)[labels != IGNORE].float().mean()
        step += 1
        progress = (time.time() - started) / args.seconds
    save_scribe(scribe, args.output)


def average(args: argparse.Namespace) -> None:
    """Between scribes that saw more and less of the domain; the weights add up to 1."""
    parts = [part.rsplit("=", 1) for part in args.parts]
    states = [(load_scribe(Path(path)).state_dict(), float(weight)) for path, weight in parts]
    scribe = Scribe()
    scribe.load_state_dict(
        {name: sum(weight * state[name] for state, weight in states) for name in states[0][0]}
    )
    save_scribe(scribe, args.output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("hear")
    second = commands.add_parser("train")
    for one in (first, second):
        one.add_argument("heard", type=Path)
        one.add_argument("--seconds", type=float, required=True)
        one.add_argument("--threads", type=int, default=1)
        one.add_argument("--seed", type=int, default=0)
    for name in ("model", "shards", "recordings", "text", "tokenizer", "hearing"):
        first.add_argument(f"--{name}", type=Path, required=True)
    first.add_argument("--joined", type=int, default=2500, help="utterances of several sentences")
    first.add_argument("--bank", type=int, default=400, help="procedural sounds")
    first.add_argument("--tasks", type=int, default=600, help="sounds to be asked about")
    for name in ("begin", "output"):
        second.add_argument(f"--{name}", type=Path, required=True)
    second.add_argument(
        "--resume", type=Path, help="a scribe or a model directory to train on instead"
    )
    second.add_argument("--rate", type=float, default=2e-5)
    second.add_argument("--words", type=float, default=0.1, help="share of it, of the embeddings")
    zeroth = commands.add_parser("begin")
    for name in ("text", "whisper_tokenizer", "whisper", "output"):
        zeroth.add_argument(name, type=Path)
    last = commands.add_parser("average")
    last.add_argument("output", type=Path)
    last.add_argument("parts", nargs="+", help="SCRIBE=WEIGHT")
    args = parser.parse_args()
    steps = {"begin": begin, "hear": hear, "train": train, "average": average}
    steps[args.command](args)


if __name__ == "__main__":
    main()
