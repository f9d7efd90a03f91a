"""Where training starts: Whisper's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from aloud_nano.model import Nano

# Nothing of Whisper is in them.
OWN_HEADS = ("encoder.side", "encoder.ctc", "encoder.turn", "encoder.live")


def start_from_whisper(model: Nano, whisper: dict[str, Tensor]) -> None:
    """Load the weights that ``make_tokenizer`` pruned. Our own heads keep their random start;
    positions past Whisper's repeat from its first on."""
    state = {name: value.float() for name, value in whisper.items()}
    places = state["decoder.places"]
    count = model.config.decoder.positions
    state["decoder.places"] = places[torch.arange(count) % len(places)]
    missing, unknown = model.load_state_dict(state, strict=False)
    lacking = [name for name in missing if not name.startswith((*OWN_HEADS, "encoder.pool"))]
    if lacking or unknown:
        raise ValueError(f"Whisper's weights do not fit: lacking {lacking}, unknown {unknown}")
