"""What the exported model costs, one thread: python -m aloud_nano.speed MODEL_DIRECTORY"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aloud_nano.runtime import NanoRuntime


def median_ms(call: Callable[[], object], repeats: int) -> float:
    spent = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return float(np.median(spent) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    runtime = NanoRuntime(args.model)
    stream = runtime.open()
    stream.audio_state = runtime.initial_audio_state()
    features = np.random.default_rng(0).standard_normal((80, 48)).astype(np.float32) * 0.3 - 0.5
    seconds = 0.48
    first = median_ms(lambda: runtime.encode_block(stream, features), 8)
    for _ in range(16):
        runtime.encode_block(stream, features)
    full = median_ms(lambda: runtime.encode_block(stream, features), 40)
    print(
        f"encoder: {first / seconds:.1f} ms per audio second at first, {full / seconds:.1f} with "
        f"the whole window ({full:.1f} ms a block)"
    )
    samples = np.zeros(16_000, np.float32)
    print(
        f"features (numpy): {median_ms(lambda: runtime.mel(samples), 20):.1f} ms per audio second"
    )
    embeds = np.random.default_rng(0).standard_normal((6, 384)).astype(np.float32) * 0.1
    for _ in range(15):
        runtime.feed(stream, embeds)
    prefill = median_ms(lambda: runtime.feed(stream, embeds), 10)
    token = runtime.embed([300])
    step = median_ms(lambda: runtime.feed(stream, token), 100)
    print(
        f"decoder: prefill {prefill / seconds:.1f} ms per audio second, {step:.2f} ms per token "
        f"with about {stream.length} positions cached"
    )


if __name__ == "__main__":
    main()
