"""The processes that train together, one for each GPU (started by torchrun; alone without it)."""

from __future__ import annotations

import os
import zlib

import torch
import torch.distributed as dist
from torch import Tensor


class Workers:
    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", self.rank) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            dist.init_process_group("nccl" if cuda else "gloo")

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def owns(self, name: str) -> bool:
        """Whether this process reads the shard of this name."""
        return zlib.crc32(name.encode()) % self.count == self.rank

    def same(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def average(self, tensors: list[Tensor]) -> None:
        """In place, over all processes."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def close(self) -> None:
        if self.count > 1:
            dist.destroy_process_group()
