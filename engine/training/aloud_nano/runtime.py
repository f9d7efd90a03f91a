"""Run an exported nano with onnxruntime alone: the reference for the TypeScript engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

Array = NDArray[np.float32]


class MelFrontEnd:
    """Log-mel in numpy, read entirely from preprocessor_config.json."""

    def __init__(self, settings: dict) -> None:
        self.settings = settings
        size = settings["n_fft"]
        self.window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        self.filters = _slaney_filters(settings["feature_size"], size, settings["sampling_rate"])

    def __call__(self, samples: Array) -> Array:
        """Samples [N] → features [80, N // hop]."""
        settings = self.settings
        padded = np.concatenate([np.zeros(settings["left_zeros"], np.float32), samples])
        frames = np.lib.stride_tricks.sliding_window_view(padded, settings["n_fft"])
        frames = frames[:: settings["hop_length"]][: len(samples) // settings["hop_length"]]
        power = np.abs(np.fft.rfft(frames * self.window, axis=1)) ** 2
        mel = self.filters @ power.T
        logged = np.log10(mel + settings["floor"])
        return ((logged + settings["offset"]) / settings["scale"]).astype(np.float32)


def _slaney_filters(mels: int, n_fft: int, rate: int) -> NDArray[np.float64]:
    step = np.log(6.4) / 27.0
    top = 15.0 + np.log(rate / 2 / 1000.0) / step
    scale = np.linspace(0.0, top, mels + 2)
    edges = np.where(scale < 15.0, scale * 200.0 / 3.0, 1000.0 * np.exp((scale - 15.0) * step))
    bins = np.linspace(0.0, rate / 2, n_fft // 2 + 1)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(np.minimum(rising, falling), 0.0)
    return weights * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@dataclass
class Generated:
    """Token ids after the prompt (closing token included) and the channels they spell."""

    ids: list[int]
    semantic: str
    acoustic: str
    answer: str


@dataclass
class Stream:
    """One conversation: the decoder's cache, and the encoder state of the open utterance."""

    past: dict[str, Array]
    length: int = 0
    audio_state: dict[str, NDArray] = field(default_factory=dict)
    embeds: list[Array] = field(default_factory=list)
    ctc: list[Array] = field(default_factory=list)


class NanoRuntime:
    """Greedy decoding, one thread, the fixed block loop the engine uses."""

    def __init__(self, directory: Path, precision: str = "quantized") -> None:
        self.config = json.loads((directory / "config.json").read_text())
        self.generation = json.loads((directory / "generation_config.json").read_text())
        self.mel = MelFrontEnd(json.loads((directory / "preprocessor_config.json").read_text()))
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        suffix = f"_{precision}" if precision else ""
        self.encoder = _session(directory / f"onnx/audio_encoder{suffix}.onnx")
        self.decoder = _session(directory / f"onnx/decoder_model_merged{suffix}.onnx")
        embed = next((directory / "onnx").glob("embed_tokens_*.onnx"))
        self.embeddings = _session(embed)
        self.special: dict[str, int] = self.config["special_tokens"]

    def open(self) -> Stream:
        past = {
            node.name: np.zeros(
                [1 if i == 0 else _known(d) for i, d in enumerate(node.shape)], np.float32
            )
            for node in self.decoder.get_inputs()
            if node.name.startswith("past_key_values")
        }
        return Stream(past=past)

    def initial_audio_state(self) -> dict[str, NDArray]:
        """Zeros; symbolic dimensions empty."""
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        return {
            node.name: np.zeros([_known(d) for d in node.shape], kinds[node.type])
            for node in self.encoder.get_inputs()
            if node.name.startswith("past.")
        }

    def encode_block(self, stream: Stream, features: Array) -> tuple[Array, Array]:
        """[80, 48] → audio embeddings [6, D] and CTC logits [24, C]; advances the stream."""
        names = [node.name for node in self.encoder.get_outputs()]
        feed = {"input_features": features[None], **stream.audio_state}
        outputs = dict(zip(names, self.encoder.run(names, feed), strict=True))
        stream.audio_state = {
            name.replace("present.", "past."): value
            for name, value in outputs.items()
            if name.startswith("present.")
        }
        return outputs["audio_embeds"][0], outputs["ctc_logits"][0]

    def feed(self, stream: Stream, embeds: Array) -> Array:
        """Prefill [S, D] embeddings → logits [S, V]."""
        steps = len(embeds)
        total = stream.length + steps
        outputs = self.decoder.run(
            None,
            {
                "inputs_embeds": embeds[None],
                "attention_mask": np.ones((1, total), np.int64),
                "position_ids": np.arange(stream.length, total, dtype=np.int64)[None],
                **stream.past,
            },
        )
        names = [node.name for node in self.decoder.get_outputs()]
        for name, value in zip(names[1:], outputs[1:], strict=True):
            stream.past[name.replace("present.", "past_key_values.")] = value
        stream.length = total
        return outputs[0][0]

    def embed(self, ids: list[int]) -> Array:
        return self.embeddings.run(None, {"input_ids": np.array([ids], np.int64)})[0][0]

    def _tokens(self, names: list[str]) -> list[int]:
        return [self.special[name] for name in names]

    def hear(self, stream: Stream, samples: Array) -> None:
        """One spoken user turn: zero-padded to whole blocks, prefetched block by block."""
        audio = self.config["audio"]
        block = audio["block_frames"] * self.mel.settings["hop_length"]
        padded = np.pad(samples.astype(np.float32), (0, -len(samples) % block))
        features = self.mel(padded)
        stream.audio_state = self.initial_audio_state()
        stream.embeds, stream.ctc = [], []
        prompt = self.config["prompt"]
        self.feed(stream, self.embed(self._tokens(prompt["user_open"])))
        for start in range(0, features.shape[1], audio["block_frames"]):
            embeds, ctc = self.encode_block(
                stream, features[:, start : start + audio["block_frames"]]
            )
            stream.embeds.append(embeds)
            stream.ctc.append(ctc)
            self.feed(stream, embeds)
        self.feed(stream, self.embed(self._tokens(prompt["user_close"])))

    def read(self, stream: Stream, text: str) -> None:
        """One typed user turn."""
        prompt = self.config["prompt"]
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        ids = self._tokens(prompt["user_open"]) + ids + self._tokens(prompt["user_close"])
        self.feed(stream, self.embed(ids))

    def generate(self, stream: Stream, think: bool = True, limit: int = 280) -> Generated:
        """Greedy until <|eot|>, which is left in the cache."""
        prompt = self.config["prompt"]
        opening = self._tokens(prompt["assistant_open"])
        opening += self._tokens(prompt["think"] if think else prompt["direct"])
        logits = self.feed(stream, self.embed(opening))
        ids: list[int] = []
        while len(ids) < limit:
            ids.append(int(logits[-1].argmax()))
            logits = self.feed(stream, self.embed(ids[-1:]))
            if ids[-1] == self.generation["eos_token_id"]:
                break
        return self.split(ids, think)

    def split(self, ids: list[int], think: bool) -> Generated:
        """Token ids → channels; a missing mark leaves its channel empty."""
        body = [i for i in ids if i != self.special["<|eot|>"]]
        thought: list[int] = []
        if think and self.special["</think>"] in body:
            cut = body.index(self.special["</think>"])
            thought, body = body[:cut], body[cut + 1 :]
        acoustic: list[int] = []
        if self.special["<acoustic>"] in thought:
            cut = thought.index(self.special["<acoustic>"])
            thought, acoustic = thought[:cut], thought[cut + 1 :]
        decode = self.tokenizer.decode
        return Generated(ids, decode(thought), decode(acoustic), decode(body))

    def transcript(self, stream: Stream) -> str:
        """Greedy CTC text of the utterance heard last."""
        vocab, blank = self.config["ctc"]["vocab"], self.config["ctc"]["blank"]
        best = np.concatenate(stream.ctc).argmax(-1) if stream.ctc else np.zeros(0, int)
        kept = [c for i, c in enumerate(best) if c != blank and (i == 0 or c != best[i - 1])]
        return "".join(vocab[c] for c in kept)


def _known(dimension: object) -> int:
    return dimension if isinstance(dimension, int) else 0
