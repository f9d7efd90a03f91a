"""Which of nano's acoustic claims are true: what ``npm run eval`` cannot say by itself.

Usage: python -m aloud_nano.grounding CLIPS RESULTS.jsonl

CLIPS is a directory written by ``evalsets``; RESULTS is what the evaluation made of it. Writes
RESULTS.grounding.json beside it: key of a result → [true claims, claims]. Of turns whose every
property is known, that is, questions about the voice or a sound.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aloud_nano.claims import claims, grounded
from aloud_nano.grammar.sound import Facts


def judge(facts: dict[str, Facts], lines: list[str]) -> dict[str, tuple[int, int]]:
    """``facts``: by the clip's id. Of several results with one key the last counts."""
    made: dict[str, tuple[int, int]] = {}
    for line in lines:
        result = json.loads(line)
        known = facts.get(result["key"].rsplit(" | ", 1)[0])
        if known is not None and result["acoustic"]:
            made[result["key"]] = grounded(claims(result["acoustic"]), known)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    rows = json.loads((args.clips / "index.json").read_text())
    facts = {row["id"]: row["facts"] for row in rows if row["question"] is not None}
    made = judge(facts, args.results.read_text().splitlines())
    args.results.with_suffix(".grounding.json").write_text(json.dumps(made, indent=0))
    true, every = (sum(counts) for counts in zip(*made.values(), strict=True))
    print(f"{true} of {every} claims are true, in {len(made)} answers")


if __name__ == "__main__":
    main()
