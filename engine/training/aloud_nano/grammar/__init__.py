"""The domain: what nano can be asked, what it thinks, what it answers."""

from aloud_nano.grammar.item import Item
from aloud_nano.grammar.sampler import INTENTS, Sampler, Split, split_of

__all__ = ["INTENTS", "Item", "Sampler", "Split", "split_of"]
