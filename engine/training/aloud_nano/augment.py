"""Render scenes into audio on the GPU: room, band, other sounds, noise, level, codec, losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor

from aloud_nano.config import BLOCK_MEL, BLOCK_SAMPLES, N_MELS, SAMPLE_RATE
from aloud_nano.mel import LogMel
from aloud_nano.scene import MAX_BLOCKS, NOISE, RENDER_FLOATS, RENDER_INTEGERS, SILENCE, SOUND
from aloud_nano.sounds import LENGTH

MULTIPLE = 32
GROUPS = (6, 9, 13, MAX_BLOCKS)  # utterances are rendered padded to one of these block counts
EMPTY_MEL = -1.0  # log-mel of digital silence
_TAIL = 12_800  # samples of room response (0.8 s)
_EARLY = 640  # samples of it that are single reflections (40 ms)
CLEAN_LEVEL = 10 ** (-24 / 20)
MAX_BABBLE = 6  # voices
BABBLE_TRACKS = 24
MAX_GAPS = 4  # lost packets


def _rms(signal: Tensor, where: Tensor) -> Tensor:
    """[N, T] over the marked samples → [N, 1]."""
    power = (signal.square() * where).sum(1) / (where.sum(1) + 1)
    return power.sqrt()[:, None]


def _room_and_band(signals: list[Tensor], scene: dict[str, Tensor]) -> list[Tensor]:
    """Convolve with one random room and filter by band and tilt, in one FFT each.

    The room: the direct sound, single reflections for 40 ms, then a dense tail that loses its
    high frequencies first.
    """
    count, length = signals[0].shape
    device = signals[0].device
    size = next_fast_len(length + _TAIL, real=True)
    frequency = torch.fft.rfftfreq(size, 1 / SAMPLE_RATE).to(device)[None]
    time = torch.arange(_TAIL, device=device)[None] / SAMPLE_RATE
    decay = torch.exp(-6.9 * time / scene["reverb_time"][:, None])
    room = torch.randn(count, _TAIL, device=device) * decay
    early = torch.rand(count, _EARLY, device=device) < 0.03
    room[:, :_EARLY] *= early * 4
    room[:, :24] = 0
    room = room / (room.square().sum(1, keepdim=True).sqrt() + 1e-9)
    room = room * 10 ** (-scene["direct_ratio"][:, None] / 20)
    low, high = scene["low_pass"][:, None], scene["high_pass"][:, None]
    rumble = (frequency / high) ** 4
    band = rumble / (1 + rumble) / (1 + (frequency / low) ** 8)
    octaves = torch.log2(frequency.clamp(min=100) / 1000)
    band = band * 10 ** (scene["tilt"][:, None] / 20 * octaves)
    damping = 1 / (1 + (frequency / 3500) ** 2)
    response = (1 + torch.fft.rfft(room, size) * damping) * band
    return [torch.fft.irfft(torch.fft.rfft(s, size) * response, size)[:, :length] for s in signals]


def _coloured_noise(count: int, length: int, colour: Tensor, swing: Tensor) -> Tensor:
    """Noise of unit power whose spectrum falls with frequency to the power -colour/2 and whose
    level wanders slowly by about ``swing`` dB."""
    device = colour.device
    white = torch.fft.rfft(torch.randn(count, length, device=device))
    frequency = torch.fft.rfftfreq(length, 1 / SAMPLE_RATE).to(device)[None].clamp(min=60)
    noise = torch.fft.irfft(white * (frequency / 1000) ** (-colour[:, None] / 2), length)
    steps = torch.randn(count, 1, 2 + length // 4000, device=device)
    wander = F.interpolate(steps, length, mode="linear", align_corners=True)[:, 0]
    noise = noise * 10 ** (wander * swing[:, None] / 20)
    return noise / noise.std(1, keepdim=True)


def _babble(store: Tensor, pool: dict[str, Tensor], wanted: Tensor, length: int) -> Tensor:
    """[N, T] of several people talking at once, unit power; zeros where ``wanted`` is 0.

    The voices are random clips of the batch (training data only), each at unit loudness, begun
    anywhere and repeated where short. A few tracks of three to six voices serve all scenes.
    """
    device = store.device
    spoken = (pool["kind"] == 0).float()
    spoken = spoken + (spoken.sum() == 0)  # nobody speaks in this batch: any clip will do
    tracks = min(BABBLE_TRACKS, len(wanted))
    chosen = torch.multinomial(spoken, tracks * MAX_BABBLE, replacement=True)
    offset, samples = pool["offset"][chosen], pool["samples"][chosen].clamp(min=1)
    shift = (torch.rand(len(chosen), device=device) * samples).long()
    time = torch.arange(length, device=device)[None]
    at = offset[:, None] + (time + shift[:, None]) % samples[:, None]
    talk = store[at.clamp(max=len(store) - 1)].float()
    talk = talk / (talk.square().mean(1, keepdim=True).sqrt() + 1)
    talk = talk.view(tracks, MAX_BABBLE, length)
    voices = 3 + torch.arange(tracks, device=device) % (MAX_BABBLE - 2)
    talk = talk * (torch.arange(MAX_BABBLE, device=device)[None] < voices[:, None])[..., None]
    crowds = talk.sum(1)
    crowds = crowds / (crowds.square().mean(1, keepdim=True).sqrt() + 1e-6)
    picked = torch.randint(0, tracks, wanted.shape, device=device)
    return crowds[picked] * (wanted > 0)[:, None]


def companded(signal: Tensor, law: Tensor) -> Tensor:
    """G.711: 8 bits on a logarithmic scale. law [N, 1]: 1 is µ-law, 2 is A-law."""
    loud = signal.abs().clamp(max=1)
    mu = torch.log1p(255 * loud) / 5.545177
    mu = torch.expm1(torch.round(mu * 127) / 127 * 5.545177) / 255
    knee, norm = 1 / 87.6, 1 + 4.472781  # 1 + ln 87.6
    high = (1 + torch.log(87.6 * loud.clamp(min=knee))) / norm
    low = 87.6 * loud / norm
    code = torch.round(torch.where(loud < knee, low, high) * 127) / 127
    a = torch.where(code < 1 / norm, code * norm / 87.6, torch.exp(code * norm - 1) / 87.6)
    return signal.sign() * torch.where(law == 1, mu, a)


def _telephone(signal: Tensor, codec: Tensor) -> Tensor:
    """300–3400 Hz at 8 kHz in G.711 where ``codec`` is not 0."""
    length = signal.shape[1]
    spectrum = torch.fft.rfft(signal)
    frequency = torch.fft.rfftfreq(length, 1 / SAMPLE_RATE).to(signal.device)[None]
    band = 1 / (1 + (250 / frequency.clamp(min=1)) ** 6) / (1 + (frequency / 3500) ** 24)
    half = length // 2
    narrow = torch.fft.irfft((spectrum * band)[:, : half // 2 + 1], half) / 2
    narrow = torch.fft.rfft(companded(narrow, codec[:, None]))
    narrow = F.pad(narrow, (0, spectrum.shape[1] - narrow.shape[1]))
    return torch.where((codec > 0)[:, None], torch.fft.irfft(narrow, length) * 2, signal)


def _lost_packets(scene: dict[str, Tensor], time: Tensor) -> Tensor:
    """[N, T] bool: samples that never arrived, 20–60 ms at a time."""
    lost = torch.zeros(len(scene["gaps"]), time.shape[1], dtype=torch.bool, device=time.device)
    for gap in range(MAX_GAPS):
        chance = torch.rand(len(lost), 2, device=time.device)
        start = chance[:, :1] * scene["total"][:, None]
        size = 320 * (1 + (chance[:, 1:] * 3).long())
        lost |= (time >= start) & (time < start + size) & (gap < scene["gaps"])[:, None]
    return lost


def _from_bank(bank: Tensor, scene: dict[str, Tensor], time: Tensor) -> Tensor:
    """[N, T]: each scene's sound, played at its speed from its start on."""
    chosen = scene["sound"]
    place = (time - scene["sound_start"][:, None]) * scene["sound_speed"][:, None]
    audible = (place >= 0) & (place < LENGTH - 1) & (chosen >= 0)[:, None]
    place = place.clamp(0, LENGTH - 2)
    first = place.long()
    share = place - first
    row = chosen.clamp(min=0)[:, None]
    return (bank[row, first].float() * (1 - share) + bank[row, first + 1].float() * share) * audible


def render(
    store: Tensor, bank: Tensor, scene: dict[str, Tensor], blocks: int, pool: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Scenes of one group → (what the microphone heard, the clean voice), both [N, T].

    store: all PCM, int16; bank: sounds [K, LENGTH]; scene: per-utterance tensors; pool: offset,
    samples and kind of the clips that babble is made of.
    """
    length = blocks * BLOCK_SAMPLES
    count = len(scene["offset"])
    time = torch.arange(length, device=store.device)[None]
    relative = time - scene["before"][:, None]
    speaking = (relative >= 0) & (relative < scene["samples"][:, None])
    kind = scene["kind"]
    nobody = ((kind == SOUND) | (kind == SILENCE) | (kind == NOISE))[:, None]
    at = (scene["offset"][:, None] + relative.clamp(min=0)).clamp(max=len(store) - 1)
    voice = store[at].float() / 32768 * (speaking & ~nobody)
    clean = voice * (CLEAN_LEVEL / (_rms(voice, speaking) + 1e-4))

    target = 10 ** (scene["level"][:, None] / 20)
    sound = _from_bank(bank, scene, time)
    through = relative / scene["samples"][:, None].clamp(min=1)
    ramped = voice * 10 ** (scene["ramp"][:, None] * (through.clamp(0, 1) - 0.5) / 20)
    heard, sound = _room_and_band([ramped, sound], scene)
    heard = heard / (_rms(heard, speaking) + 1e-7) * target
    heard = torch.where(nobody, torch.zeros_like(heard), heard)

    alone = (kind == SOUND)[:, None]
    sound_level = torch.where(alone, target, target * 10 ** (-scene["sound_snr"][:, None] / 20))
    heard = heard + sound * sound_level
    babble = _babble(store, pool, scene["babble"], length)
    heard = heard + babble * target * 10 ** (-scene["babble_snr"][:, None] / 20)
    heard = heard + _noise_level(scene, target) * _coloured_noise(
        count, length, scene["noise_colour"], scene["noise_swing"]
    )
    ceiling = (target * 10 ** (scene["clip"][:, None] / 20)).clamp(max=1e3)
    heard = heard.clamp(-ceiling, ceiling)
    loud = heard.abs()
    limited = heard.sign() * (0.7 + 0.3 * torch.tanh((loud - 0.7) / 0.3))
    heard = torch.where(loud < 0.7, heard, limited)
    heard = _telephone(heard, scene["codec"])
    present = (time < scene["total"][:, None]) & ~_lost_packets(scene, time)
    return heard * present, clean


def _noise_level(scene: dict[str, Tensor], target: Tensor) -> Tensor:
    """[N, 1] amplitude: by SNR, a faint floor, or the noise that is all there is."""
    uniform = torch.rand_like(target)
    level = target * 10 ** (-scene["snr"][:, None] / 20) + 10 ** (-72 / 20) * uniform
    room_tone = 10 ** ((-78 + 28 * uniform) / 20)
    level = torch.where((scene["kind"] == SILENCE)[:, None], room_tone, level)
    only_noise = (scene["kind"] == NOISE) & (scene["babble"] == 0)
    level = torch.where(only_noise[:, None], target, level)
    return torch.where(scene["silent_floor"][:, None], torch.zeros_like(level), level)


def mask_features(mel: Tensor) -> Tensor:
    """SpecAugment: two bands of up to 11 mels and two spans of up to 90 ms set to the mean."""
    count, _, frames = mel.shape
    device = mel.device
    for _ in range(2):
        low = torch.randint(0, 70, (count, 1, 1), device=device)
        width = torch.randint(0, 12, (count, 1, 1), device=device)
        bins = torch.arange(N_MELS, device=device)[None, :, None]
        mel = mel.masked_fill((bins >= low) & (bins < low + width), 0.0)
        start = (torch.rand(count, 1, 1, device=device) * frames).long()
        width = torch.randint(0, 10, (count, 1, 1), device=device)
        steps = torch.arange(frames, device=device)[None, None]
        mel = mel.masked_fill((steps >= start) & (steps < start + width), 0.0)
    return mel


class Renderer:
    """Scenes of a batch → packed feature blocks."""

    def __init__(self, store: Tensor, bank: Tensor) -> None:
        self.store = store
        self.bank = bank
        self.mel = LogMel().to(store.device)

    @torch.no_grad()
    def features(
        self, batch: dict[str, Tensor], groups: list[Group], rows: int, teacher: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Packed [rows, 80, 48] for the student and, of the clean unwarped voice, the teacher."""
        device = self.store.device
        student = torch.full((rows, N_MELS, BLOCK_MEL), EMPTY_MEL, device=device)
        clean_mel = student.clone() if teacher else None
        pool = {name: batch[name] for name in ("offset", "samples", "kind")}
        for group in groups:
            scene = {name: batch[name][group.members] for name in _SCENE_KEYS}
            heard, clean = render(self.store, self.bank, scene, group.blocks, pool)
            mel = mask_features(self.mel(heard, scene["warp"]))
            student[group.target] = _as_blocks(mel)[group.member, group.step]
            if clean_mel is not None:
                clean_mel[group.target] = _as_blocks(self.mel(clean))[group.member, group.step]
        return student, clean_mel


def _as_blocks(mel: Tensor) -> Tensor:
    """[N, 80, 48·NB] → [N, NB, 80, 48]."""
    return mel.unflatten(2, (-1, BLOCK_MEL)).transpose(1, 2)


_SCENE_KEYS = (*RENDER_INTEGERS, *RENDER_FLOATS, "kind", "silent_floor")


@dataclass
class Group:
    """Utterances rendered together, padded to ``blocks``; the last few may be repeats.

    member, step, target: for every block that is real, its utterance in the group, its place in
    the utterance, and its row in the packed features.
    """

    blocks: int
    members: Tensor
    member: Tensor
    step: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Group:
        moved = (t.to(device) for t in (self.members, self.member, self.step, self.target))
        return Group(self.blocks, *moved)


def group_by_length(blocks: Tensor, first_block: Tensor, multiple: int = MULTIPLE) -> list[Group]:
    """Host tensors [N] → groups. On a GPU sizes are multiples, so that FFT plans are reused."""
    groups, lower = [], 0
    for upper in GROUPS:
        members = torch.nonzero((blocks > lower) & (blocks <= upper)).flatten()
        lower = upper
        if not len(members):
            continue
        valid = torch.arange(upper)[None] < blocks[members][:, None]
        member, step = torch.nonzero(valid, as_tuple=True)
        target = first_block[members][member] + step
        spare = -len(members) % multiple
        members = torch.cat([members, members[:1].expand(spare)])
        groups.append(Group(upper, members, member, step, target))
    return groups


def speech_frames(batch: dict[str, Tensor], frames_per_block: int) -> Tensor:
    """[rows·frames] bool: encoder frames that hold speech of a "speech" scene (to distil)."""
    utterance = batch["utterance"].long()
    known = utterance >= 0
    number = utterance.clamp(min=0)
    step = torch.arange(frames_per_block, device=utterance.device) * 320
    sample = batch["block_index"][:, None] * BLOCK_SAMPLES + step[None]
    before = batch["before"][number][:, None]
    after = before + batch["samples"][number][:, None]
    speech = (batch["kind"][number] == 0)[:, None] & known[:, None]
    return (speech & (sample >= before - 640) & (sample <= after + 640)).flatten()


def ctc_loss(logits: Tensor, batch: dict[str, Tensor], frames: Tensor, letters: Tensor) -> Tensor:
    """Mean over word pieces. In a wordless clip every frame is to be blank; of words that are not
    known nothing is learned.

    logits: packed [rows, frames_per_block, C]; frames and letters: the lengths of every utterance,
    on the host (on the device they would force a wait).
    """
    step = torch.arange(MAX_BLOCKS, device=logits.device)[None]
    first = batch["first_block"][:, None]
    index = torch.where(step < batch["blocks"][:, None], first + step, first)
    spread = logits[index].flatten(1, 2).float().log_softmax(-1).transpose(0, 1)
    losses = F.ctc_loss(
        spread, batch["ctc"], frames, letters, blank=0, reduction="none", zero_infinity=True,
    )  # fmt: skip
    lengths = batch["ctc_length"]
    known = (lengths > 0) | batch["wordless"]
    return (losses * known).sum() / (lengths.sum() + 1)
