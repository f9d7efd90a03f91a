"""Run an exported nano with onnxruntime alone: the reference for the TypeScript engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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


LONGEST_WRITTEN = 160  # tokens
LAST_BLOCKS, GAP_FRAMES = 4, 8  # of a stretch, and between words
# The difference of two mean logarithms of probabilities is steadier than a token's logits.
CLOSE_CALL = 5.0


@dataclass
class Generated:
    """Token ids after the prompt (closing token included) and the channels they spell.

    lead: logits by which the least clear of the tokens was likelier than any other.
    """

    ids: list[int]
    semantic: str
    acoustic: str
    answer: str
    call: str = ""  # what the application is to run
    confidence: float = 1.0
    lead: float = math.inf


@dataclass
class Stream:
    """One conversation: the decoder's cache, and the audio of the turn that is open.

    owed: tokens that go into the cache with the next run; they attend to ``cross``.
    heard: whether that is a turn's audio. dictated: what the scribe attends to, by its inputs.
    """

    past: dict[str, Array]
    cross: dict[str, Array]
    length: int = 0
    heard: bool = False
    owed: list[int] = field(default_factory=list)
    audio_state: dict[str, NDArray] = field(default_factory=dict)
    ctc: list[Array] = field(default_factory=list)
    keys: list[Array] = field(default_factory=list)  # of every block: [L, H, 12, D/H]
    values: list[Array] = field(default_factory=list)
    end_of_turn: list[float] = field(default_factory=list)
    dictated: dict[str, Array] = field(default_factory=dict)


@dataclass
class Quote:
    """A thought's beginning in the cache, as far as the closing mark of the quotation.

    chances: logarithms of how probable ``ids`` are, to the thinker, and doubtful words to both;
    logits: after the last of them.
    """

    ids: list[int]
    chances: list[float]
    logits: Array
    past: dict[str, Array]
    length: int
    lead: float

    def joint(self, start: int, for_scribe: float, weight: float) -> Quote:
        """With the scribe's mean for the words, which begin at ``start``."""
        own = self.chances[start:]
        chances = [(chance + weight * for_scribe) / (1 + weight) for chance in own]
        return replace(self, chances=self.chances[:start] + chances)


class Scribe:
    """What writes down speech beside the decoder that thinks (``scribe.py``)."""

    def __init__(self, directory: Path, settings: dict, special: dict[str, int]) -> None:
        self.decoder = _session(directory / "onnx/scribe_decoder_quantized.onnx")
        self.embeddings = _session(directory / "onnx/scribe_embed_tokens_int8.onnx")
        self.tokenizer = Tokenizer.from_file(str(directory / "scribe_tokenizer.json"))
        self.prompt = [special[name] for name in settings["prompt"]]
        self.end = special[settings["end"]]
        spelled = self.tokenizer.get_vocab().items()
        pieces = [index for piece, index in spelled if re.fullmatch(r"Ġ|Ġ?[a-z']+", piece)]
        self.forbidden = np.ones(settings["vocab_size"], bool)
        self.forbidden[[self.end, *pieces]] = False

    def scores(self, ids: list[int], audio: dict[str, Array]) -> Array:
        """Logits [S, V] after each of the tokens, from an empty cache."""
        inputs = {
            node.name: np.zeros([1, *map(_known, node.shape[1:])], np.float32)
            for node in self.decoder.get_inputs()
            if node.name.startswith("past_key_values")
        }
        embedded = self.embeddings.run(None, {"input_ids": np.array([ids], np.int64)})[0]
        inputs |= {
            "inputs_embeds": embedded,
            "attention_mask": np.ones((1, len(ids)), np.int64),
            "position_ids": np.arange(len(ids), dtype=np.int64)[None],
        }
        return self.decoder.run(["logits"], inputs | audio)[0][0]

    def write(self, audio: dict[str, Array]) -> tuple[list[int], float]:
        """Greedy tokens, and by how many logits the least clear one was likelier than others."""
        ids: list[int] = []
        lead = math.inf
        while len(ids) < LONGEST_WRITTEN:
            row = self.scores([*self.prompt, *ids], audio)[-1].copy()
            row[self.forbidden] = -np.inf
            second, first = np.partition(row, -2)[-2:]
            lead = min(lead, float(first - second))
            best = int(row.argmax())
            if best == self.end:
                break
            ids.append(best)
        return ids, lead

    def weigh(self, words: str, audio: dict[str, Array]) -> float:
        """Mean logarithm of the probabilities of words and end."""
        ids = self.tokenizer.encode(" " + words, add_special_tokens=False).ids if words else []
        rows = self.scores([*self.prompt, *ids], audio)[len(self.prompt) - 1 :]
        wanted = [*ids, self.end]
        return float(np.mean([_log_chance(row, i) for row, i in zip(rows, wanted, strict=True)]))


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
        settings = self.config.get("scribe")
        self.scribe = Scribe(directory, settings, self.special) if settings else None

    def open(self, tools: Sequence[str] = ()) -> Stream:
        past = {
            node.name: np.zeros(
                [1 if i == 0 else _known(d) for i, d in enumerate(node.shape)], np.float32
            )
            for node in self.decoder.get_inputs()
            if node.name.startswith("past_key_values")
        }
        stream = Stream(past=past, cross=self.no_audio(), dictated=self.no_audio())
        if tools:
            prompt = self.config["prompt"]
            line = self._encode("tools: " + ", ".join(tools))
            opening, closing = prompt["system_open"], prompt["system_close"]
            self.feed(stream, [*self._tokens(opening), *line, *self._tokens(closing)])
        return stream

    def no_audio(self) -> dict[str, Array]:
        """The zero sink alone."""
        return {
            node.name: np.zeros(
                [1 if not isinstance(d, int) else d for d in node.shape], np.float32
            )
            for node in self.decoder.get_inputs()
            if node.name.startswith("cross.")
        }

    def initial_audio_state(self) -> dict[str, NDArray]:
        """Zeros; symbolic dimensions empty."""
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        return {
            node.name: np.zeros([_known(d) for d in node.shape], kinds[node.type])
            for node in self.encoder.get_inputs()
            if node.name.startswith("past.")
        }

    def encode_block(self, stream: Stream, features: Array) -> None:
        """[80, 48] → cross frames, CTC logits and end-of-turn score; advances the stream."""
        names = [node.name for node in self.encoder.get_outputs()]
        feed = {"input_features": features[None], **stream.audio_state}
        outputs = dict(zip(names, self.encoder.run(names, feed), strict=True))
        stream.audio_state = {
            name.replace("present.", "past."): value
            for name, value in outputs.items()
            if name.startswith("present.")
        }
        limit = self.config["audio"]["max_cross_frames"]
        _attend(stream.cross, outputs, "cross", limit)
        if self.scribe is not None:
            _attend(stream.dictated, outputs, "scribe", limit)
        stream.ctc.append(outputs["ctc_logits"][0])
        stream.keys.append(outputs["cross_key"][:, 0])
        stream.values.append(outputs["cross_value"][:, 0])
        stream.end_of_turn.append(float(1 / (1 + np.exp(-outputs["end_of_turn"].item()))))

    def feed(self, stream: Stream, ids: list[int]) -> Array:
        """Tokens into the cache → logits [S, V]."""
        total = stream.length + len(ids)
        period = self.config["text_config"]["max_position_embeddings"]
        outputs = self.decoder.run(
            None,
            {
                "inputs_embeds": self.embed(ids)[None],
                "attention_mask": np.ones((1, total), np.int64),
                "position_ids": np.arange(stream.length, total, dtype=np.int64)[None] % period,
                **stream.past,
                **stream.cross,
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

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def hear(self, stream: Stream, samples: Array) -> None:
        """One spoken user turn: zero-padded to whole blocks, encoded block by block."""
        audio = self.config["audio"]
        block = audio["block_frames"] * self.mel.settings["hop_length"]
        padded = np.pad(samples.astype(np.float32), (0, -len(samples) % block))
        *features, silence = np.split(
            self.mel(np.pad(padded, (0, block))), len(padded) // block + 1, axis=1
        )
        prompt = self.config["prompt"]
        self._open_turn(stream, self._tokens(prompt["user_open"]))
        stream.audio_state, stream.heard = self.initial_audio_state(), True
        stream.dictated = self.no_audio()
        stream.ctc, stream.end_of_turn, stream.keys, stream.values = [], [], [], []
        stretch = 0
        for part in features:
            if self._is_over(stream, stretch):
                stream.audio_state, stretch = self.initial_audio_state(), 0
            self.encode_block(stream, part)
            stretch += 1
        if self.scribe is not None:  # finds no end in the middle of speech
            names = ["scribe_key", "scribe_value"]
            feed = {"input_features": silence[None], **stream.audio_state}
            after = dict(zip(names, self.encoder.run(names, feed), strict=True))
            _attend(stream.dictated, after, "scribe", math.inf)
        stream.owed = self._tokens(prompt["audio"] + prompt["user_close"])

    def _is_over(self, stream: Stream, blocks: int) -> bool:
        """Whether the encoder begins anew: after the longest stretch that it was trained on, or in
        a gap between words shortly before."""
        longest = self.config["audio"]["stretch_blocks"]
        if blocks < longest - LAST_BLOCKS:
            return False
        best = np.concatenate(stream.ctc).argmax(-1)[-GAP_FRAMES:]
        return blocks >= longest or bool((best == self.config["ctc"]["blank"]).all())

    def _open_turn(self, stream: Stream, opening: list[int]) -> None:
        """What is owed attends to the audio of the turn before; what opens this one to none."""
        if stream.owed and stream.heard:
            self.feed(stream, stream.owed)
            stream.owed = []
        stream.cross, stream.heard = self.no_audio(), False
        self.feed(stream, [*stream.owed, *opening])
        stream.owed = []

    def read(self, stream: Stream, text: str) -> None:
        """One typed user turn."""
        self._given(stream, "user", text)

    def tool_result(self, stream: Stream, result: str) -> None:
        self._given(stream, "tool", result)

    def _given(self, stream: Stream, who: str, text: str) -> None:
        prompt = self.config["prompt"]
        opening, closing = (self._tokens(prompt[f"{who}_{end}"]) for end in ("open", "close"))
        self._open_turn(stream, [*opening, *self._encode(text)])
        stream.owed = closing

    def generate(
        self, stream: Stream, think: bool = True, limit: int = 280, budget: int | None = None
    ) -> Generated:
        """Greedy until <|eot|>, which is owed to the next turn, as everything given is to this.

        ``budget``: thoughts longer than so many tokens are closed.
        """
        prompt = self.config["prompt"]
        opening = self._tokens(prompt["assistant_open"])
        opening += self._tokens(prompt["think"] if think else prompt["direct"])
        quoted = self._quote(stream, opening) if think and stream.heard else None
        logits = self.feed(stream, stream.owed + opening) if quoted is None else quoted.logits
        close = self.special[prompt["think_close"]]
        end = self.generation["eos_token_id"]
        call_end = self.special[prompt["tool_call_close"]]
        ids: list[int] = [] if quoted is None else quoted.ids
        chances: list[float] = [] if quoted is None else quoted.chances
        lead = math.inf if quoted is None else quoted.lead
        thinking = think
        while len(ids) < limit:
            best = int(logits[-1].argmax())
            second, first = np.partition(logits[-1], -2)[-2:]
            lead = min(lead, float(first - second))
            if thinking and budget is not None and len(ids) >= budget:
                best = close
            chances.append(_log_chance(logits[-1], best))
            ids.append(best)
            thinking = thinking and best != close
            if best in (end, call_end):
                break
            logits = self.feed(stream, [best])
        stream.owed = [call_end, end] if ids[-1] == call_end else ids[-1:]
        return replace(self.split(ids, think, chances), lead=lead)

    def _quote(self, stream: Stream, opening: list[int]) -> Quote | None:
        """The user's words: the scribe's where the thinker says the same, else those that both
        together find more probable. None where the thinker would quote nothing; nothing has
        changed then."""
        if self.scribe is None or not self.transcript(stream):
            return None
        written, lead = self.scribe.write(stream.dictated)
        words = self.scribe.tokenizer.decode(written).strip()
        if not words:
            return None
        first, rest = self.config["transcript"]["sentence"].split("{transcript}")
        draft = self._encode(first + words + rest)
        start = len(self._encode(first))
        before = replace(stream, past=dict(stream.past))
        given = stream.owed + opening
        rows = self.feed(stream, given + draft)[len(given) - 1 :]
        best = rows.argmax(-1)
        parting = next((i for i, t in enumerate(draft) if best[i] != t), len(draft))
        for row in rows[: parting + 1]:
            second, top = np.partition(row, -2)[-2:]
            lead = min(lead, float(top - second))
        if parting < start:
            stream.past, stream.length = before.past, before.length
            return None
        chances = [_log_chance(row, token) for row, token in zip(rows, draft, strict=False)]
        theirs = Quote(draft, chances, rows[-1:], stream.past, stream.length, lead)
        if parting == len(draft):
            return theirs
        stream.past, stream.length = before.past, before.length
        self.feed(stream, given + draft[:parting])
        own = Quote(
            draft[:parting], chances[:parting], rows[parting : parting + 1], stream.past,
            stream.length, lead,
        )  # fmt: skip
        while True:
            token = int(own.logits[-1].argmax())
            if token in self.special.values() or len(own.ids) > LONGEST_WRITTEN:
                stream.past, stream.length = theirs.past, theirs.length
                return theirs
            own.chances.append(_log_chance(own.logits[-1], token))
            own.ids.append(token)
            own.logits = self.feed(stream, [token])
            own.past, own.length = stream.past, stream.length
            if self.config["transcript"]["close"] in self.tokenizer.decode([token]):
                break
        settings, gain = self.config["scribe"], math.inf
        if np.mean(own.chances[start:]) < math.log(settings["sure"]):
            weight, heard = settings["weight"], self.tokenizer.decode(own.ids[start:-1])
            joint = own.joint(start, self.scribe.weigh(heard, stream.dictated), weight)
            theirs = theirs.joint(start, self.scribe.weigh(words, stream.dictated), weight)
            gain = float(np.mean(joint.chances[start:]) - np.mean(theirs.chances[start:]))
        chosen = own if gain >= 0 else theirs
        chosen.lead = min(chosen.lead, CLOSE_CALL * abs(gain))
        stream.past, stream.length = chosen.past, chosen.length
        return chosen

    def split(self, ids: list[int], think: bool, chances: list[float]) -> Generated:
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
        call: list[int] = []
        if self.special["<tool_call>"] in body:
            cut = body.index(self.special["<tool_call>"])
            call = [i for i in body[cut + 1 :] if i != self.special["</tool_call>"]]
            body = body[:cut]
        decode = self.tokenizer.decode
        return Generated(
            ids, decode(thought), decode(acoustic), decode(body), decode(call),
            self._confidence(thought, chances),
        )  # fmt: skip

    def _confidence(self, thought: list[int], chances: list[float]) -> float:
        """Geometric mean of the chances of the tokens inside the quote; 1 without a quote."""
        place = self.config["transcript"]
        inside: list[float] = []
        opened = False
        for token, chance in zip(thought, chances, strict=False):
            text = self.tokenizer.decode([token])
            if opened and place["close"] in text:
                break
            if opened:
                inside.append(chance)
            opened = opened or place["open"] in text
        return float(np.exp(np.mean(inside))) if inside else 1.0

    def transcript(self, stream: Stream) -> str:
        """Greedy CTC text of the utterance heard last."""
        vocab, blank = self.config["ctc"]["vocab"], self.config["ctc"]["blank"]
        best = np.concatenate(stream.ctc).argmax(-1) if stream.ctc else np.zeros(0, int)
        kept = [c for i, c in enumerate(best) if c != blank and (i == 0 or c != best[i - 1])]
        return "".join(vocab[c] for c in kept).strip()


def _attend(into: dict[str, Array], outputs: dict[str, Array], role: str, limit: float) -> None:
    """A block's keys and values behind what is attended to already; the sink stays in front."""
    for kind in ("key", "value"):
        for layer, fresh in enumerate(outputs[f"{role}_{kind}"]):
            name = f"cross.{layer}.{kind}"
            frames = np.concatenate([into[name][:, :, 1:], fresh], axis=2)
            kept = frames[:, :, max(0, frames.shape[2] - int(min(limit, frames.shape[2]))) :]
            into[name] = np.concatenate([into[name][:, :, :1], kept], axis=2)


def _known(dimension: object) -> int:
    return dimension if isinstance(dimension, int) else 0


def _log_chance(logits: Array, index: int) -> float:
    top = logits.max()
    return float(logits[index] - top - np.log(np.exp(logits - top).sum()))
