"""Modality-grounded reasoning distillation (Step-Audio-R1, arXiv 2511.15848) at nano's scale.

A round: sample chains for questions that only the sound or worked steps can answer; keep those
whose acoustic claims are true of the recording, whose steps compute and whose answer is right;
fine-tune on them; then reinforce with the paper's reward (0.8 correct + 0.2 reasoning present),
on questions that are sometimes answered right. Every stage is measured on clips never trained on.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aloud_nano.batch import CROSS_WIDTH, Batch, BatchShape, Conversation, Packer, build_batch
from aloud_nano.claims import claims, grounded
from aloud_nano.config import CROSS_PER_BLOCK
from aloud_nano.loader import Entry, Loader, TurnSource
from aloud_nano.model import Nano
from aloud_nano.optim import Optimiser
from aloud_nano.scene import Scene
from aloud_nano.turns import ACOUSTIC, ASSISTANT, AUDIO, DONE, EOT, THINK, USER, assemble
from aloud_nano.workers import Workers

PROMPT = (USER, AUDIO, EOT, ASSISTANT, THINK)
LONGEST = 160  # tokens of one chain
CHAINS = 8
BUDGETS = (0, 12, 24, 48, None)
SFT_SCALE, RL_SCALE = 0.06, 0.02  # of the learning rates
_EQUATION = re.compile(r"(-?\d+) ([-+*/x]) (\d+) = (-?\d+)")


class Trained(Protocol):
    """What of the trainer is used here."""

    model: Nano
    shape: BatchShape
    device: torch.device

    def autocast(self) -> Any: ...
    def render(self, batch: Batch, distil: bool) -> tuple[dict[str, Tensor], Tensor, Any]: ...
    def hear(self, on: dict[str, Tensor], features: Tensor) -> Any: ...
    def answer_loss(self, on: dict[str, Tensor], cross: Any) -> tuple[Tensor, Tensor]: ...
    def losses(self, batch: Batch, distil: float) -> dict[str, Tensor]: ...
    def to_device(self, batch: Batch) -> dict[str, Tensor]: ...


@dataclass
class Prompt:
    """A spoken question, how it sounds, and the answer it should get."""

    scene: Scene
    gold: list[int]
    kind: str  # acoustic | reasoning


@dataclass
class Chain:
    """What was sampled for one prompt, and how it was judged."""

    ids: list[int]
    right: bool
    reasoned: bool
    claims: int
    true_claims: int
    coherent: bool

    @property
    def kept(self) -> bool:
        return self.right and self.coherent and self.reasoned and self.claims == self.true_claims

    @property
    def reward(self) -> float:
        return 0.8 * self.right + 0.2 * self.reasoned

    @property
    def thinking(self) -> int:
        return self.ids.index(DONE) if DONE in self.ids else len(self.ids)


def coherent(semantic: str) -> bool:
    """Every equation that can be checked holds."""
    for left, operator, right, result in _EQUATION.findall(semantic):
        a, b, c = int(left), int(right), int(result)
        if operator == "/":
            if b == 0 or a // b != c:
                return False
        elif {"+": a + b, "-": a - b, "*": a * b, "x": a * b}[operator] != c:
            return False
    return True


class PromptSource:
    """Acoustic and reasoning questions out of some shards."""

    def __init__(self, source: TurnSource, entries: Sequence[Entry], seed: int) -> None:
        self.source = source
        self.rng = random.Random(seed)
        usable = [e for e in entries if not e.get("follows") and source.director.usable(e)]
        self.by_kind = {
            "acoustic": [e for e in usable if e["question"]],
            "reasoning": [e for e in usable if len(e.get("steps", ())) >= 2],
        }
        for kind, found in self.by_kind.items():
            if not found:
                raise ValueError(f"no {kind} question in the shards")

    def draw(self, kind: str) -> Prompt:
        while True:
            entry = self.rng.choice(self.by_kind[kind])
            scene = self.source.director.speech(self.rng, entry)
            turn = scene.turn
            if scene.silent_labels or not turn.think or len(turn.ids) > LONGEST:
                continue
            return Prompt(scene, turn.ids[turn.ids.index(DONE) + 1 : -1], kind)

    def fill(self, shape: BatchShape, kinds: Sequence[str]) -> tuple[list[Prompt], Packer]:
        """As many prompts as one batch's audio rows hold; ``kinds`` in turn."""
        packer, prompts = Packer(shape), []
        while True:
            prompt = self.draw(kinds[len(prompts) % len(kinds)])
            if not packer.add(Conversation([(prompt.scene.turn, prompt.scene)])):
                return prompts, packer
            prompts.append(prompt)


@dataclass
class Heard:
    """Prompts whose audio went through the encoder: cross [L] of key, value [P, H, F, D/H]."""

    features: Tensor
    cross: list[tuple[Tensor, Tensor]]
    mask: Tensor  # [P, 1, 1, F] additive


@torch.no_grad()
def hear(trainer: Trained, packer: Packer) -> Heard:
    batch = packer.finish(np.random.default_rng(0))
    on, features, _ = trainer.render(batch, False)
    count, heads = len(packer.utterances), trainer.model.config.decoder.heads
    with trainer.autocast():
        cross = trainer.hear(on, features)[0]
    frames = on["frames"][:count]
    gathered = []
    for layer in cross:
        both = []
        for part in layer:
            chosen = F.pad(part.flatten(0, 1)[frames], (0, 0, 1, 0))
            both.append(chosen.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous())
        gathered.append((both[0], both[1]))
    closed = torch.arange(1 + CROSS_WIDTH, device=frames.device) > on["frame_count"][:count, None]
    kind = gathered[0][0].dtype
    mask = torch.zeros(closed.shape, dtype=kind, device=frames.device)
    return Heard(features, gathered, mask.masked_fill(closed, -30_000.0)[:, None, None])


@torch.no_grad()
def sample(
    trainer: Trained, heard: Heard, chains: int, temperature: float, budget: int | None = None,
) -> list[list[int]]:  # fmt: skip
    """``chains`` continuations of PROMPT for every prompt (prompt-major), up to <|eot|>.

    temperature 0 is greedy; ``budget`` closes longer thoughts (0: direct mode).
    """
    decoder, device = trainer.model.decoder, trainer.device
    prompts, heads = heard.mask.shape[0], decoder.config.heads
    rows, dim = prompts * chains, decoder.config.head_dim
    opening = [*PROMPT, DONE] if budget == 0 else list(PROMPT)
    total = len(opening) + LONGEST
    kind = heard.mask.dtype
    keys = [torch.zeros(rows, heads, total, dim, dtype=kind, device=device) for _ in decoder.layers]
    values = [torch.zeros_like(key) for key in keys]
    sink_only = torch.full_like(heard.mask, -30_000.0)
    sink_only[..., 0] = 0
    written: list[Tensor] = []
    thinking = torch.full((rows,), budget != 0, device=device)
    alive = torch.ones(rows, dtype=torch.bool, device=device)
    token = torch.full((rows,), opening[0], device=device)
    with trainer.autocast():
        for at in range(total):
            x = (decoder.embed(token) + decoder.places[at])[:, None]
            mask = sink_only if at == 0 else heard.mask
            for layer, key, value, (cross_key, cross_value) in zip(
                decoder.layers, keys, values, heard.cross, strict=True
            ):
                qkv = layer.qkv(layer.norm_attention(x)).view(rows, 3, heads, 1, dim).to(kind)
                key[:, :, at], value[:, :, at] = qkv[:, 1, :, 0], qkv[:, 2, :, 0]
                done = F.scaled_dot_product_attention(
                    qkv[:, 0], key[:, :, : at + 1], value[:, :, : at + 1]
                )
                x = x + layer.out(done.transpose(1, 2).reshape(rows, 1, -1))
                query = layer.cross_query(layer.norm_cross(x)).to(kind)
                query = query.view(prompts, chains, heads, dim).transpose(1, 2)
                done = F.scaled_dot_product_attention(query, cross_key, cross_value, attn_mask=mask)
                x = x + layer.cross_out(done.transpose(1, 2).reshape(rows, 1, -1))
                x = layer._feed(x)
            if at + 1 < len(opening):
                token = torch.full((rows,), opening[at + 1], device=device)
                continue
            logits = decoder.logits(decoder.norm(x))[:, 0].float()
            if temperature > 0:
                token = torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0]
            else:
                token = logits.argmax(-1)
            if budget is not None and len(written) >= budget:
                token = torch.where(thinking, DONE, token)
            thinking = thinking & (token != DONE)
            token = torch.where(alive, token, EOT)
            written.append(token)
            alive = alive & (token != EOT)
            if len(written) % 16 == 0 and not bool(alive.any()):
                break
    table = torch.stack(written, dim=1).tolist()
    return [ids[: ids.index(EOT)] if EOT in ids else ids for ids in table]


def judge(source: TurnSource, prompt: Prompt, ids: list[int]) -> Chain:
    """Against the recording's facts and the gold answer."""
    decode = source.writer.tokenizer.decode
    thought, reply = ids, ids
    if DONE in ids:
        thought, reply = ids[: ids.index(DONE)], ids[ids.index(DONE) + 1 :]
    cut = thought.index(ACOUSTIC) if ACOUSTIC in thought else len(thought)
    semantic = decode(thought[:cut])
    try:
        found = claims(decode(thought[cut + 1 :]))
        true, count = grounded(found, prompt.scene.facts)
    except ValueError:  # words that no claim is made of
        true, count = 0, 1
    reasoned = count > 0 if prompt.kind == "acoustic" else "=" in semantic
    return Chain(ids, reply == prompt.gold, reasoned, count, true, coherent(semantic))


class ChainPacker(Packer):
    """Sampled chains over audio that lies where another packer put it."""

    def __init__(self, other: Packer) -> None:
        super().__init__(other.shape)
        self.utterances = other.utterances
        self.weights = np.zeros((other.shape.text_rows, other.shape.text_length), np.float32)
        self.chains = 0

    def add_chain(self, prompt: int, ids: Sequence[int], advantage: float) -> bool:
        shape = self.shape
        turn = assemble(PROMPT, [*ids, EOT], 0, True)
        size = len(turn.ids)
        row = next(
            (r for r, used in enumerate(self.text_used) if used + size <= shape.text_length), None
        )
        if row is None or self.chains == shape.spoken or size > shape.turn_tokens:
            return False
        at = self.text_used[row]
        self.ids[row, at : at + size] = turn.ids
        self.labels[row, at : at + size - 1] = turn.labels[1:]
        self.weights[row, at : at + size] = advantage
        scene, block = self.utterances[prompt]
        self.queries[self.chains, : size - 1] = (
            row * shape.text_length + at + 1 + np.arange(size - 1)
        )
        count = scene.blocks * CROSS_PER_BLOCK
        self.frames[self.chains, :count] = block * CROSS_PER_BLOCK + np.arange(count)
        self.frame_count[self.chains] = count
        self.conversation[row, at : at + size] = self.chains
        self.positions[row, at : at + size] = np.arange(size)
        self.text_used[row] = at + size
        self.chains += 1
        return True


class Refinery:
    """The rounds, with what they share."""

    def __init__(
        self, trainer: Trained, loader: Loader, source: TurnSource, train: PromptSource,
        held: PromptSource, workers: Workers, say: Any, output: Path, measured: int,
    ) -> None:  # fmt: skip
        self.trainer, self.loader, self.source = trainer, loader, source
        self.train, self.held, self.workers, self.say = train, held, workers, say
        self.output, self.measured = output, measured
        self.rng = np.random.default_rng(workers.rank)
        self.rows: list[dict[str, Any]] = []

    def measure(self, stage: str) -> None:
        """One row a kind and budget, greedy, on held-out clips (this process's share)."""
        state = self.held.rng.getstate()
        self.held.rng.seed(7)
        totals: dict[tuple[str, str], list[Chain]] = {}
        for _ in range(self.measured):
            prompts, packer = self.held.fill(self.trainer.shape, ("acoustic", "reasoning"))
            heard = hear(self.trainer, packer)
            for budget in BUDGETS:
                name = "full" if budget is None else str(budget)
                made = sample(self.trainer, heard, 1, 0.0, budget)
                for prompt, ids in zip(prompts, made, strict=True):
                    if budget == 0:
                        ids = [DONE, *ids]
                    chain = judge(self.source, prompt, ids)
                    totals.setdefault((prompt.kind, name), []).append(chain)
        self.held.rng.setstate(state)
        for (kind, budget), found in totals.items():
            told = sum(c.claims for c in found)
            row = {
                "stage": stage, "kind": kind, "budget": budget, "clips": len(found),
                "accuracy": round(100 * sum(c.right for c in found) / len(found), 1),
                "grounded": round(100 * sum(c.true_claims for c in found) / max(told, 1), 1),
                "claims": round(told / len(found), 1),
                "tokens": round(sum(c.thinking for c in found) / len(found), 1),
            }  # fmt: skip
            self.rows.append(row)
            self.say(f"table {json.dumps(row)}")
        if self.workers.is_first:
            (self.output / "mgrd.json").write_text(json.dumps(self.rows, indent=1))

    def _step(self, optimiser: Optimiser, loss: Tensor, scale: float) -> None:
        loss.backward()
        parameters = [p for p in self.trainer.model.parameters() if p.grad is not None]
        self.workers.average([p.grad for p in parameters if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimiser.step(scale)
        for parameter in parameters:
            parameter.grad = None

    def distil(self, sampling: float, steps: int) -> None:
        """Self-distillation: sample for so many seconds, keep what is true, fine-tune."""
        started, pool, drawn, kept, difficult = time.time(), [], 0, 0, 0
        while time.time() - started < sampling:
            prompts, packer = self.train.fill(
                self.trainer.shape, ("acoustic", "acoustic", "reasoning")
            )
            made = sample(self.trainer, hear(self.trainer, packer), CHAINS, 1.0)
            for number, prompt in enumerate(prompts):
                group = [
                    judge(self.source, prompt, ids)
                    for ids in made[number * CHAINS : (number + 1) * CHAINS]
                ]
                good = [chain for chain in group if chain.kept]
                drawn, kept = drawn + CHAINS, kept + len(good)
                if not good:
                    continue
                hard = len(good) < CHAINS
                difficult += hard
                if hard or self.train.rng.random() < 0.25:
                    chosen = self.train.rng.choice(good)
                    turn = assemble(PROMPT, [*chosen.ids, EOT], prompt.scene.turn.frames, True)
                    prompt.scene.turn = turn
                    pool.append(prompt.scene)
        self.say(f"sampled {drawn} chains, kept {kept}; {difficult} questions were hard; "
                 f"{len(pool)} chains to learn from")  # fmt: skip
        optimiser = Optimiser(self.trainer.model)
        rng = self.train.rng
        pending: list[Conversation] = []

        def draw() -> Conversation:
            scene = rng.choice(pool)
            return Conversation([(scene.turn, scene)])

        for step in range(steps):
            batch = (
                build_batch(self.trainer.shape, pending, draw, self.rng)
                if step % 2 == 0 and pool
                else self.loader.get()
            )
            scale = SFT_SCALE * min(1, (step + 1) / 10) * max(0.05, 1 - step / steps)
            self._step(optimiser, self.trainer.losses(batch, 0.0)["total"], scale)

    def reinforce(self, steps: int) -> None:
        """Policy gradient on fresh samples of questions that are neither hopeless nor certain."""
        optimiser = Optimiser(self.trainer.model, weight_decay=0.0)
        rewards: list[float] = []
        used = 0
        for step in range(steps):
            prompts, packer = self.train.fill(
                self.trainer.shape, ("acoustic", "acoustic", "reasoning")
            )
            heard = hear(self.trainer, packer)
            made = sample(self.trainer, heard, CHAINS, 1.0)
            chains = ChainPacker(packer)
            for number, prompt in enumerate(prompts):
                group = [
                    judge(self.source, prompt, ids)
                    for ids in made[number * CHAINS : (number + 1) * CHAINS]
                ]
                rewards += [chain.reward for chain in group]
                right = sum(chain.right for chain in group)
                if not 1 <= right <= CHAINS - 1:
                    continue
                used += 1
                mean = sum(chain.reward for chain in group) / CHAINS
                for chain in group:
                    if not chains.add_chain(number, chain.ids, chain.reward - mean):
                        break
            scale = RL_SCALE * min(1, (step + 1) / 5) * max(0.1, 1 - step / steps)
            on = self.trainer.to_device(chains.finish(self.rng))
            on["weights"] = torch.from_numpy(chains.weights).to(self.trainer.device)
            with self.trainer.autocast():
                cross = self.trainer.hear(on, heard.features)[0]
                loss, _ = self.trainer.answer_loss(on, cross)
            self._step(optimiser, loss * 4, scale)
            self._step(optimiser, self.trainer.losses(self.loader.get(), 0.0)["total"], scale)
            if step % 10 == 9:
                self.say(f"reinforce {step + 1}: reward {np.mean(rewards):.3f}, {used} questions")
                rewards.clear()
                used = 0

    def round(self, number: int, sampling: float, tuning: int, reinforcing: int) -> None:
        self.distil(sampling, tuning)
        self.measure(f"{number}: kept chains")
        self.reinforce(reinforcing)
        self.measure(f"{number}: reinforced")
