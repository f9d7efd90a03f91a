"""Evaluate an exported nano with onnxruntime, as the engine runs it.

Usage: python -m aloud_nano.evaluate MODEL_DIRECTORY --text text.json [--recordings DIR]
           [--per-intent 10] [--json results.json] [--direct] [--precision quantized]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pickle
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aloud_nano.evalsets import Clip, all_sets
from aloud_nano.runtime import NanoRuntime

OPEN = ("repeat", "open")


@dataclass
class Result:
    """What nano made of one clip."""

    set: str
    intent: str
    text: str
    gold: str
    call: str
    semantic: str
    acoustic: str
    answer: str
    ctc: str
    tokens: int
    group: str
    facts: dict[str, str]

    @property
    def right(self) -> bool:
        return self.answer.strip() == self.gold.strip()

    @property
    def quoted(self) -> str:
        match = re.search(r'"(.*?)"', self.semantic)
        return match.group(1) if match else ""

    @property
    def call_right(self) -> bool:
        return bool(self.call) and f"{self.call}." in self.semantic


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Edit distance in words, and the reference's length."""
    left, right = reference.split(), hypothesis.split()
    previous = list(range(len(right) + 1))
    for row, word in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            current.append(
                min(
                    previous[column] + 1,
                    current[-1] + 1,
                    previous[column - 1] + (word != other),
                )
            )
        previous = current
    return previous[-1], len(left)


_runtime: list[NanoRuntime] = []


def _start(directory: str, precision: str) -> None:
    _runtime.append(NanoRuntime(Path(directory), precision))


def _run(job: tuple[Clip, bool]) -> Result:
    clip, think = job
    runtime = _runtime[0]
    stream = runtime.open()
    if len(clip.samples):
        runtime.hear(stream, clip.samples)
    else:
        runtime.read(stream, clip.text)
    made = runtime.generate(stream, think)
    return Result(
        clip.set, clip.intent, clip.text, clip.answer, clip.call, made.semantic, made.acoustic,
        made.answer, runtime.transcript(stream), len(made.ids), clip.group, clip.facts,
    )  # fmt: skip


def run_clips(
    directory: Path, clips: Sequence[Clip], think: bool, precision: str, processes: int
) -> list[Result]:
    with multiprocessing.get_context("spawn").Pool(
        processes, _start, (str(directory), precision)
    ) as pool:
        return pool.map(_run, [(clip, think) for clip in clips], chunksize=8)


def percent(values: Sequence[bool]) -> float | None:
    return round(100 * sum(values) / len(values), 1) if values else None


def error_rate(pairs: Sequence[tuple[str, str]]) -> float | None:
    counts = [word_errors(reference, hypothesis) for reference, hypothesis in pairs]
    total = sum(length for _, length in counts)
    return round(100 * sum(errors for errors, _ in counts) / total, 1) if total else None


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """One row of the table."""
    domain = [r for r in results if r.intent not in OPEN]
    worded = [r for r in results if r.text and r.semantic]
    by_intent: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        by_intent[result.intent].append(result.right)
    groups: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        if result.group:
            groups[result.group].append(result.right)
    pitched = [r for r in results if r.facts.get("pitch") and r.acoustic]
    return {
        "clips": len(results),
        "answers": percent([r.right for r in domain]),
        "calls": percent([r.call_right for r in results if r.call and r.semantic]),
        "open refused": percent([r.right for r in results if r.intent == "open"]),
        "repeat exact": percent([r.right for r in results if r.intent == "repeat"]),
        "WER domain": error_rate([(r.text, r.quoted) for r in worded if r.intent not in OPEN]),
        "WER open": error_rate([(r.text, r.quoted) for r in worded if r.intent in OPEN]),
        "WER live": error_rate([(r.text, r.ctc) for r in results if r.text and r.ctc]),
        "groups": percent([all(v) for v in groups.values()]),
        "pitch": percent([f" {r.facts['pitch']}," in r.acoustic for r in pitched]),
        "tokens": round(sum(r.tokens for r in results) / len(results), 1),
        "wrong intents": {k: percent(v) for k, v in by_intent.items() if not all(v)},
    }


COLUMNS = ("clips", "answers", "calls", "open refused", "repeat exact", "WER domain", "WER open",
           "WER live", "groups", "pitch", "tokens")  # fmt: skip


def table(rows: dict[str, dict[str, Any]]) -> str:
    lines = ["| set | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (len(COLUMNS) + 1)]
    for name, row in rows.items():
        cells = ["–" if row[c] is None else str(row[c]) for c in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def load_sets(args: argparse.Namespace) -> dict[str, list[Clip]]:
    """Clips are made once and kept: synthesis is slower than a second evaluation."""
    if args.cache and args.cache.exists():
        return pickle.loads(args.cache.read_bytes())
    sets = all_sets(args.text, args.recordings, args.per_intent)
    if args.cache:
        args.cache.write_bytes(pickle.dumps(sets))
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--per-intent", type=int, default=10)
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--direct", action="store_true", help="no thinking")
    parser.add_argument("--precision", default="quantized", help='"" for the float32 graphs')
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    kept: list[dict[str, Any]] = []
    for name, clips in load_sets(args).items():
        if args.sets and name not in args.sets:
            continue
        results = run_clips(args.model, clips, not args.direct, args.precision, args.processes)
        rows[name] = summary(results)
        print(name, rows[name], flush=True)
        kept += [asdict(r) | {"right": r.right} for r in results]
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps({"rows": rows, "results": kept}, indent=1))


if __name__ == "__main__":
    main()
