"""Train the decoder alone, on top of the ears that ship: possible on a CPU.

The encoder runs as the int8 graph of a model directory, so the decoder learns from exactly what
it will hear, and its own weights are rounded to the grid of the exported int8 ones in every
forward pass (the gradient passes through), so that exporting changes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aloud_nano.augment import Renderer
from aloud_nano.batch import Batch, BatchShape
from aloud_nano.config import BLOCK_FRAMES, CROSS_PER_BLOCK
from aloud_nano.encoder import WhisperEncoder
from aloud_nano.model import Nano
from aloud_nano.quantise import on_grid
from aloud_nano.scene import MAX_BLOCKS
from aloud_nano.trainer import EVERYTHING, Stage, Trainer


class Ears:
    """The exported encoder, one utterance at a time on each of ``threads`` threads."""

    def __init__(self, directory: Path, threads: int = 2) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        path = directory / "onnx" / "audio_encoder_quantized.onnx"
        self.session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.pool = ThreadPoolExecutor(threads)
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        self.silence = {
            node.name: np.zeros(
                [size if isinstance(size, int) else 0 for size in node.shape], kinds[node.type]
            )
            for node in self.session.get_inputs()
            if node.name.startswith("past.")
        }

    def hear(self, features: np.ndarray, start: int) -> np.ndarray:
        """Blocks [B, 80, 48], the first at position ``start`` → [2, L, B · 12, D]."""
        state = self.silence | {"past.position": np.array([start], np.int64)}
        names = ["cross_key", "cross_value"]
        carried = [name.replace("past.", "present.") for name in self.silence]
        heard = []
        for block in features:
            feed = {"input_features": block[None], **state}
            key, value, *after = self.session.run(names + carried, feed)
            state = dict(zip(self.silence, after, strict=True))
            both = np.stack([key[:, 0], value[:, 0]]).transpose(0, 1, 3, 2, 4)  # [2, L, 12, H, D/H]
            heard.append(both.reshape(*both.shape[:2], CROSS_PER_BLOCK, -1))
        return np.concatenate(heard, axis=2)


class GridLinear(nn.Linear):
    """A product with the weights that int8 export will leave of these."""

    def forward(self, x: Tensor) -> Tensor:
        rounded = self.weight + (on_grid(self.weight) - self.weight).detach()
        return F.linear(x, rounded, self.bias)


class DecoderTrainer(Trainer):
    """Losses over the decoder's words only; nothing of the encoder changes."""

    def __init__(self, model: Nano, ears: Ears, renderer: Renderer, shape: BatchShape) -> None:
        super().__init__(model, WhisperEncoder(model.config.encoder), renderer, shape, False)
        self.ears = ears
        model.encoder.requires_grad_(False)
        model.decoder.embed.requires_grad_(False)  # the output projection, too, stays as it is
        for layer in model.decoder.layers:
            for part in layer.children():
                if isinstance(part, nn.Linear):
                    part.__class__ = GridLinear

    @torch.no_grad()
    def hear(self, on: dict[str, Tensor], features: Tensor) -> Any:
        """As ``Trainer.hear``, of which only the cross keys and values are there."""
        blocks = features.float().cpu().numpy()
        config = self.model.config.decoder
        size = (2, config.layers, len(blocks) * CROSS_PER_BLOCK, config.width)
        cross = np.zeros(size, np.float32)
        utterance = on["utterance"].cpu().numpy()
        position = on["block_position"].cpu().numpy()

        def fill(number: int) -> None:
            places = np.flatnonzero(utterance == number)
            heard = self.ears.hear(blocks[places], int(position[places[0]]) * BLOCK_FRAMES)
            first = places[0] * CROSS_PER_BLOCK
            cross[:, :, first : first + heard.shape[2]] = heard

        list(self.ears.pool.map(fill, range(int(utterance.max()) + 1)))
        rows, width = self.shape.audio_rows, MAX_BLOCKS * CROSS_PER_BLOCK
        parts = torch.from_numpy(cross).to(self.device).view(2, -1, rows, width, config.width)
        return list(zip(parts[0], parts[1], strict=True)), None, None, None, None

    def losses(self, batch: Batch, distil: float, stage: Stage = EVERYTHING) -> dict[str, Tensor]:
        on, features, _ = self.render(batch, False)
        ce, right = self.answer_loss(on, self.hear(on, features)[0])
        return {"ce": ce, "right": right, "total": ce}
