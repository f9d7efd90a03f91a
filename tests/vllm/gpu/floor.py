"""What a vLLM server takes for one token of a prompt that it has in its cache: by what the prompt is made of.

Usage: python3 floor.py [URL]   (default http://127.0.0.1:8000). One request at a time, median of seven after two.
"""

import base64
import json
import random
import statistics
import struct
import sys
import time
import urllib.error
import urllib.request

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
REQUESTS, WARM_UPS = 9, 2
RATE = 16_000


def wave(seconds, seed):
    """Noise as a WAV file: 16 kHz, mono, 16 bits."""
    data = random.Random(seed).randbytes(seconds * RATE * 2)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    return base64.b64encode(struct.pack("<4sI", b"RIFF", len(body)) + body).decode()


def speech(*waves):
    parts = [{"type": "input_audio", "input_audio": {"data": wave, "format": "wav"}} for wave in waves]
    return [{"role": "user", "content": parts}]


def post(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=120))


def main():
    with urllib.request.urlopen(URL + "/v1/models", timeout=10) as answer:
        model = json.load(answer)["data"][0]["id"]
    words = "the quick brown fox jumps over a lazy dog and " * 8
    history = [{"role": ("user", "assistant")[n % 2], "content": words} for n in range(50)]
    hello = [{"role": "user", "content": "hi"}]
    five = speech(*(wave(2, n) for n in range(5)))
    prompts = {
        "two words": hello,
        "10 s of speech in one part": speech(wave(10, 99)),
        "10 s of speech in five parts": five,
        "text": history + hello,
        "text and 10 s in five parts": history + five,
    }
    for name, messages in prompts.items():
        times = []
        for _ in range(REQUESTS):
            begun = time.perf_counter()
            body = {"model": model, "messages": messages, "max_tokens": 1, "temperature": 0}
            try:
                usage = post("/v1/chat/completions", body)["usage"]
            except urllib.error.HTTPError as refusal:
                print(f"{name:32s} refused: {refusal.read(300).decode(errors='replace')}")
                break
            times.append(1000 * (time.perf_counter() - begun))
        else:
            told(name, times, usage)


def told(name, times, usage):
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    print(f"{name:32s} {statistics.median(times[WARM_UPS:]):7.1f} ms   {cached} of {usage['prompt_tokens']} cached")


main()
