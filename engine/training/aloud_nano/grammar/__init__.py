"""The domain: what nano can be asked, what it thinks, what it answers."""

from aloud_nano.grammar.item import Item
from aloud_nano.grammar.sampler import INTENTS, ONLY_FIRST, Sampler, Split, split_of
from aloud_nano.grammar.tools import TOOLS, declarations, parse_call
from aloud_nano.grammar.typed import typed_form

__all__ = [
    "INTENTS", "ONLY_FIRST", "TOOLS", "Item", "Sampler", "Split", "declarations", "parse_call",
    "split_of", "typed_form",
]  # fmt: skip
