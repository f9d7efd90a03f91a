"""One step of training: what of the network runs, compiled, and the losses it adds up to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aloud_nano.augment import MULTIPLE, Renderer, ctc_loss, group_by_length, speech_frames
from aloud_nano.batch import CROSS_WIDTH, Batch, BatchShape
from aloud_nano.config import BLOCK_FRAMES
from aloud_nano.decoder import CrossIndex
from aloud_nano.encoder import WhisperEncoder, packed_mask
from aloud_nano.model import Nano
from aloud_nano.optim import RATES
from aloud_nano.scene import MAX_BLOCKS
from aloud_nano.turns import IGNORE

DISTIL_LAYER = 1  # hidden state (0-based) that is distilled besides the final one


def from_scratch(progress: float) -> float:
    """Follow the original encoder closely at first; the decoder was made for its features."""
    return 1.0 if progress < 0.35 else 0.5 if progress < 0.75 else 0.2


@dataclass(frozen=True)
class Stage:
    """What is learned for how long.

    seconds: of this stage. reads: whether the decoder's words count. distil: weight of Whisper's
    features by progress; ctc, turn: weights of the heads. rates: of the parts, at scale 1.
    """

    name: str
    seconds: float
    rates: dict[str, float]
    reads: bool = True
    distil: Callable[[float], float] = from_scratch
    ctc: float = 0.4
    turn: float = 0.1


EVERYTHING = Stage("cold", 0, RATES)


class Trainer:
    """The compiled parts of a step, and the losses they add up to."""

    def __init__(
        self, model: Nano, teacher: WhisperEncoder, renderer: Renderer, shape: BatchShape,
        compiled: bool,
    ) -> None:  # fmt: skip
        self.model, self.teacher, self.renderer, self.shape = model, teacher, renderer, shape
        self.device = renderer.store.device
        self.encode: Callable[..., Any] = self._encode
        self.teach: Callable[..., tuple[Tensor, Tensor]] = self._teach
        self.read: Callable[..., Any] = self._read
        if compiled:
            self.encode = torch.compile(self._encode, dynamic=False)
            self.teach = torch.compile(self._teach, dynamic=False)
            self.read = torch.compile(self._read, dynamic=False)

    def _encode(
        self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor, Tensor, Tensor]:
        """Cross keys and values, CTC and end-of-turn logits, final and distilled hidden states."""
        out = self.model.encoder.packed(mel, start, position, mask)
        return out.cross, out.ctc, out.turn, out.final, out.hidden[DISTIL_LAYER]

    def _teach(
        self, mel: Tensor, start: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        hidden = self.teacher.packed(mel, start, position, mask)
        return hidden[-1], hidden[DISTIL_LAYER]

    def _read(
        self, ids: Tensor, positions: Tensor, mask: Tensor, cross: list[tuple[Tensor, Tensor]],
        queries: Tensor, frames: Tensor, cross_mask: Tensor, labels: Tensor, weights: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Cross entropy over nano's own words, weighted, and how many are the likeliest."""
        decoder = self.model.decoder
        flat = [(key.flatten(0, 1), value.flatten(0, 1)) for key, value in cross]
        index = CrossIndex(queries, frames, cross_mask)
        hidden = decoder(ids, positions, mask, flat, index)
        logits = decoder.logits(hidden).flatten(0, 1).float()
        labels = labels.flatten()
        each = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
        counted = labels != IGNORE
        loss = (each * weights.flatten()).sum() / counted.sum().clamp(min=1)
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

    def render(self, batch: Batch, distil: bool) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
        """The batch on the device, its packed features, and those of the clean voices."""
        groups = [
            group.to(self.device)
            for group in group_by_length(
                torch.from_numpy(batch["blocks"]),
                torch.from_numpy(batch["first_block"]),
                MULTIPLE if self.device.type == "cuda" else 1,
            )
        ]
        on = self.to_device(batch)
        student, clean = self.renderer.features(
            on, groups, self.shape.audio_rows * MAX_BLOCKS, distil
        )
        return on, student, clean

    def hear(self, on: dict[str, Tensor], features: Tensor) -> Any:
        """``_encode`` on the packed features of a batch."""
        rows = self.shape.audio_rows
        utterance = on["utterance"].view(rows, MAX_BLOCKS)
        index = on["block_index"].view(rows, MAX_BLOCKS)
        mask = self._kind(packed_mask(utterance, index, streaming=True))
        packed = features.view(rows, MAX_BLOCKS, *features.shape[1:])
        return self.encode(packed, index == 0, on["block_position"].view(rows, MAX_BLOCKS), mask)

    def answer_loss(self, on: dict[str, Tensor], cross: list[tuple[Tensor, Tensor]]) -> Any:
        weights = on.get("weights")
        if weights is None:
            weights = torch.ones(on["labels"].shape, device=self.device)
        return self.read(
            on["ids"], on["positions"], self._conversation_mask(on["conversation"]), cross,
            on["queries"], on["frames"], self._cross_mask(on["frame_count"]), on["labels"],
            weights,
        )  # fmt: skip

    def losses(self, batch: Batch, distil: float, stage: Stage = EVERYTHING) -> dict[str, Tensor]:
        on, student, clean = self.render(batch, distil > 0)
        rows = self.shape.audio_rows
        result: dict[str, Tensor] = {}
        with self.autocast():
            cross, pieces, turn, final, middle = self.hear(on, student)
            if stage.reads:
                result["ce"], result["right"] = self.answer_loss(on, cross)
        ctc = ctc_loss(
            pieces.reshape(rows * MAX_BLOCKS, BLOCK_FRAMES, -1), on,
            torch.from_numpy(batch["blocks"]) * BLOCK_FRAMES,
            torch.from_numpy(batch["ctc_length"]),
        )  # fmt: skip
        ended = on["ended"]
        known = (ended >= 0).float()
        turns = F.binary_cross_entropy_with_logits(
            turn.flatten().float(), ended.clamp(min=0), reduction="none"
        )
        turns = (turns * known).sum() / (known.sum() + 1)
        total = stage.ctc * ctc + stage.turn * turns
        if stage.reads:
            total = total + result["ce"]
        result |= {"ctc": ctc, "turn": turns}
        if clean is not None:
            utterance = on["utterance"].view(rows, MAX_BLOCKS)
            index = on["block_index"].view(rows, MAX_BLOCKS)
            full = self._kind(packed_mask(utterance, index, streaming=False))
            packed = clean.view(rows, MAX_BLOCKS, *clean.shape[1:])
            with torch.no_grad(), self.autocast():
                goal = self.teach(packed, index == 0, index, full)
            where = speech_frames(on, BLOCK_FRAMES).float()
            result["distil"] = _distance(final, goal[0], where) + 0.5 * _distance(
                middle, goal[1], where
            )
            total = total + distil * result["distil"]
        return result | {"total": total}

    def _kind(self, mask: Tensor) -> Tensor:
        return mask if self.device.type == "cuda" else mask.float()

    def _cross_mask(self, counts: Tensor) -> Tensor:
        """[N] frames of each turn → additive [N, 1, 1, 1 + CROSS_WIDTH]; the sink stays open."""
        index = torch.arange(1 + CROSS_WIDTH, device=counts.device)[None]
        closed = index > counts[:, None]
        bias = torch.zeros(closed.shape, device=counts.device, dtype=torch.bfloat16)
        return self._kind(bias.masked_fill(closed, -30_000.0))[:, None, None]

    def _conversation_mask(self, conversation: Tensor) -> Tensor:
        """[R, S] conversation numbers → additive causal mask [R, 1, S, S]."""
        size = conversation.shape[1]
        same = conversation[:, :, None] == conversation[:, None, :]
        causal = torch.ones(size, size, dtype=torch.bool, device=conversation.device).tril()
        bias = torch.zeros(same.shape, dtype=torch.bfloat16, device=conversation.device)
        return self._kind(bias.masked_fill(~(same & causal), -30_000.0))[:, None]


def _distance(student: Tensor, teacher: Tensor, where: Tensor) -> Tensor:
    """Mean squared error relative to the teacher's power, over the marked frames."""
    goal = teacher.float()
    error = (student.float() - goal).square().mean(-1) / (goal.square().mean(-1) + 1e-3)
    return (error.flatten() * where).sum() / (where.sum() + 1)
