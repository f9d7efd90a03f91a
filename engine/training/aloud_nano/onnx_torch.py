"""Run an ONNX graph with PyTorch, on a GPU: as far as Kokoro's int8 graph needs.

One utterance at a time, with float activations: what the graph quantises on the way stays as it
is, and its int8 weights are multiplied out once. Numbers about shapes stay on the CPU, so that
reading them does not wait for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor

Value = Any  # Tensor or None (an input that is left out)
Attributes = dict[str, Any]

_TYPES = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.DOUBLE: torch.float32,
    onnx.TensorProto.INT32: torch.int64,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.BOOL: torch.bool,
}
_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Pow": torch.pow,
    "Equal": torch.eq, "Greater": torch.gt, "Less": torch.lt, "GreaterOrEqual": torch.ge,
    "And": torch.logical_and,
}  # fmt: skip
_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Sqrt": torch.sqrt, "Floor": torch.floor, "Sin": torch.sin, "Cos": torch.cos, "Exp": torch.exp,
    "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Atan": torch.atan, "Round": torch.round,
}  # fmt: skip
_RENAMED = {"MatMulInteger": "products", "ConvInteger": "convolution", "Conv": "convolution"}


class OnnxOnTorch:
    """``run(inputs)`` → the outputs of the graph, on ``device``."""

    def __init__(self, model: onnx.ModelProto, device: torch.device) -> None:
        self.device = device
        self.graph = model.graph
        self.outputs = [output.name for output in self.graph.output]
        self.constants = {t.name: self._placed(_read(t)) for t in self.graph.initializer}
        self.lstms: dict[str, torch.nn.LSTM] = {}
        self.nodes = []
        for node in self.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            own = _RENAMED.get(node.op_type, node.op_type.lower())
            method = getattr(self, f"_{own}", None)
            if method is None and node.op_type not in _BINARY | _UNARY:
                raise ValueError(f"{node.op_type} is not known here")
            self.nodes.append(
                (node.op_type, node.name, node.input, node.output, attributes, method)
            )
        last: dict[str, int] = {}
        for number, (_, _, inputs, _, _, _) in enumerate(self.nodes):
            last |= dict.fromkeys(inputs, number)
        self.dead: list[list[str]] = [[] for _ in self.nodes]
        for name, number in last.items():
            if name not in self.constants and name not in self.outputs:
                self.dead[number].append(name)

    def _placed(self, value: Tensor) -> Tensor:
        """Whole numbers stay on the CPU unless there are many: they speak of shapes."""
        small = not value.is_floating_point() and value.numel() < 64
        return value if small else value.to(self.device)

    @torch.inference_mode()
    def run(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        values: dict[str, Value] = dict(self.constants) | {"": None}
        for name, array in inputs.items():
            values[name] = torch.from_numpy(array).to(self.device)
        for (kind, name, given, made, attributes, method), dead in zip(
            self.nodes, self.dead, strict=True
        ):
            arguments = [values[source] for source in given]
            if kind in _UNARY:
                result = _UNARY[kind](arguments[0])
            elif kind in _BINARY:
                result = _BINARY[kind](*self._together(arguments))
            else:
                assert method is not None
                result = method(arguments, attributes, name, len(made))
            for target, value in zip(
                made, result if isinstance(result, tuple) else (result,), strict=False
            ):
                values[target] = value
            for source in dead:
                values.pop(source, None)
        return [values[name].float().cpu().numpy() for name in self.outputs]

    def _together(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """On one device: the GPU where one of them is there."""
        if all(a.device == arguments[0].device for a in arguments):
            return list(arguments)
        return [a.to(self.device) for a in arguments]

    # Operators: inputs, attributes, name of the node, how many outputs are wanted.

    def _div(self, x: list[Value], *_: Any) -> Tensor:
        one, other = self._together(x)
        if not one.is_floating_point() and not other.is_floating_point():
            return torch.div(one, other, rounding_mode="trunc")
        # The phase of a bin that is exactly 0: its arc tangent is taken of 0 / 0.
        return torch.div(one, other).nan_to_num_(0.0, float("inf"), float("-inf"))

    def _cast(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        return x[0].to(_TYPES[a["to"]])

    def _shape(self, x: list[Value], *_: Any) -> Tensor:
        return torch.tensor(x[0].shape, dtype=torch.int64)

    def _reshape(self, x: list[Value], *_: Any) -> Tensor:
        sizes = x[1].tolist()
        return x[0].reshape([x[0].shape[i] if s == 0 else s for i, s in enumerate(sizes)])

    def _unsqueeze(self, x: list[Value], *_: Any) -> Tensor:
        result = x[0]
        axes = x[1].tolist()
        for axis in sorted(axis % (x[0].dim() + len(axes)) for axis in axes):
            result = result.unsqueeze(axis)
        return result

    def _squeeze(self, x: list[Value], *_: Any) -> Tensor:
        return x[0].squeeze() if len(x) < 2 else x[0].squeeze(tuple(x[1].tolist()))

    def _gather(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        data, index = x[0], x[1].to(x[0].device)
        axis = a.get("axis", 0) % data.dim()
        index = torch.where(index < 0, index + data.shape[axis], index)
        taken = data.index_select(axis, index.flatten())
        return taken.reshape([*data.shape[:axis], *index.shape, *data.shape[axis + 1 :]])

    def _concat(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        return torch.cat(self._together(x), a["axis"])

    def _split(self, x: list[Value], a: Attributes, _: str, count: int) -> tuple[Tensor, ...]:
        axis = a.get("axis", 0)
        sizes = x[1].tolist() if len(x) > 1 else x[0].shape[axis] // count
        return x[0].split(sizes, axis)

    def _slice(self, x: list[Value], *_: Any) -> Tensor:
        starts, ends = x[1].tolist(), x[2].tolist()
        axes = x[3].tolist() if len(x) > 3 and x[3] is not None else range(len(starts))
        steps = x[4].tolist() if len(x) > 4 else [1] * len(starts)
        result = x[0]
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            size = result.shape[axis]
            chosen = range(size)[slice(start, end if abs(end) < size + 1 else None, step)]
            if step > 0:
                window = [slice(None)] * result.dim()
                window[axis] = slice(chosen.start, max(chosen.stop, chosen.start), step)
                result = result[tuple(window)]
            else:
                result = result.index_select(axis, torch.tensor(chosen, device=result.device))
        return result

    def _transpose(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        return x[0].permute(*a["perm"])

    def _expand(self, x: list[Value], *_: Any) -> Tensor:
        return x[0] * torch.ones(x[1].tolist(), dtype=x[0].dtype, device=x[0].device)

    def _where(self, x: list[Value], *_: Any) -> Tensor:
        return torch.where(*self._together(x))

    def _constantofshape(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        value = _read(a["value"]) if "value" in a else torch.zeros(1)
        sizes = x[0].tolist()
        made = torch.full(sizes, value.item(), dtype=value.dtype)
        return self._placed(made)

    def _range(self, x: list[Value], *_: Any) -> Tensor:
        start, stop, step = (v.item() for v in x)
        return torch.arange(start, stop, step, device=self.device)

    def _pad(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        sizes, rank = x[1].tolist(), x[0].dim()
        value = 0.0 if len(x) < 3 or x[2] is None else x[2].item()
        pairs: list[int] = []
        for axis in reversed(range(rank)):
            pairs += [sizes[axis], sizes[axis + rank]]
        mode = a.get("mode", b"constant").decode()
        if mode == "constant":
            return F.pad(x[0], pairs, value=value)
        while len(pairs) > 2 and not any(pairs[-2:]):
            pairs = pairs[:-2]
        return F.pad(x[0], pairs, mode="reflect" if mode == "reflect" else "replicate")

    def _cumsum(self, x: list[Value], *_: Any) -> Tensor:
        return x[0].cumsum(int(x[1]))

    def _clip(self, x: list[Value], *_: Any) -> Tensor:
        bounds = [None if v is None else v.item() for v in [*x[1:], None, None][:2]]
        return x[0].clamp(*bounds)

    def _reducemean(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        axes = a["axes"] if "axes" in a else x[1].tolist()
        return x[0].mean(tuple(axes), keepdim=bool(a.get("keepdims", 1)))

    def _reducesum(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        axes = x[1].tolist() if len(x) > 1 else list(range(x[0].dim()))
        return x[0].sum(tuple(axes), keepdim=bool(a.get("keepdims", 1)))

    def _leakyrelu(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        return F.leaky_relu(x[0], a.get("alpha", 0.01))

    def _softmax(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        return x[0].softmax(a.get("axis", -1))

    def _fastgelu(self, x: list[Value], *_: Any) -> Tensor:
        return F.gelu(x[0] if len(x) < 2 else x[0] + x[1], approximate="tanh")

    def _layernormalization(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        bias = x[2] if len(x) > 2 else None
        return F.layer_norm(x[0], x[0].shape[a.get("axis", -1) :], x[1], bias, a["epsilon"])

    def _skiplayernormalization(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        total = x[0] + x[1] if len(x) < 5 else x[0] + x[1] + x[4]
        return F.layer_norm(total, total.shape[-1:], x[2], x[3], a["epsilon"])

    def _matmul(self, x: list[Value], *_: Any) -> Tensor:
        return torch.matmul(*self._together(x))

    def _fusedmatmul(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        left = x[0].transpose(-1, -2) if a.get("transA") else x[0]
        right = x[1].transpose(-1, -2) if a.get("transB") else x[1]
        return (left @ right) * a.get("alpha", 1.0)

    def _dynamicquantizelinear(self, x: list[Value], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Left as it is: scale 1, zero point 0."""
        one = torch.ones((), device=self.device)
        return x[0], one, torch.zeros((), device=self.device)

    def _dequantizelinear(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        scale, zero = x[1].to(x[0].device), x[2].to(x[0].device) if len(x) > 2 else 0
        if scale.dim() == 1:
            shape = [1] * x[0].dim()
            shape[a.get("axis", 1)] = -1
            scale, zero = scale.view(shape), zero.view(shape)
        return (x[0].float() - zero) * scale

    def _products(self, x: list[Value], *_: Any) -> Tensor:
        return x[0].to(self.device) @ self._weight(x[1], x[3] if len(x) > 3 else None, last=True)

    def _weight(self, weight: Tensor, zero: Value, last: bool) -> Tensor:
        """Integers less their zero point, as floats; a zero point for each output."""
        whole = weight.to(self.device, torch.float32)
        if zero is None:
            return whole
        zero = zero.to(self.device, torch.float32)
        if zero.dim() == 1 and not last:
            zero = zero.view(-1, *[1] * (whole.dim() - 1))
        return whole - zero

    def _convolution(self, x: list[Value], a: Attributes, name: str, _: int) -> Tensor:
        bias = None
        if len(x) == 3 and x[2] is not None and x[2].dim() == 1 and x[2].is_floating_point():
            bias, weight = x[2], x[1]
        else:
            weight = self._weight(x[1], x[3] if len(x) > 3 else None, last=False)
        pads = a.get("pads", [0, 0])
        signal = x[0].to(self.device)
        half = len(pads) // 2
        if pads[:half] == pads[half:]:
            padding = pads[:half]
        else:
            padding = [0] * half
            signal = F.pad(
                signal, [p for i in reversed(range(half)) for p in (pads[i], pads[half + i])]
            )
        convolve = F.conv1d if weight.dim() == 3 else F.conv2d
        return convolve(
            signal, weight, bias, a.get("strides", 1), padding, a.get("dilations", 1),
            a.get("group", 1),
        )  # fmt: skip

    def _convtranspose(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        pads, size = a.get("pads", [0, 0]), len(a.get("pads", [0, 0])) // 2
        return F.conv_transpose1d(
            x[0], x[1], x[2] if len(x) > 2 else None, a.get("strides", 1), pads[:size],
            a.get("output_padding", 0), a.get("group", 1), a.get("dilations", 1),
        )  # fmt: skip

    def _dynamicquantizelstm(self, x: list[Value], a: Attributes, name: str, _: int) -> Any:
        """X, W [2, in, 4H], R [2, H, 4H], B [2, 8H] … → Y [T, 2, B, H] and the last states."""
        if name not in self.lstms:
            self.lstms[name] = self._lstm(x, a["hidden_size"])
        made, (hidden, cell) = self.lstms[name](x[0])
        split = made.unflatten(-1, (2, -1)).permute(0, 2, 1, 3)
        return split, hidden, cell

    def _lstm(self, x: list[Value], hidden: int) -> torch.nn.LSTM:
        scales = [x[8], x[10]]
        zeros = [x[9], x[11]]
        given = [x[1], x[2]]
        lstm = torch.nn.LSTM(given[0].shape[1], hidden, bidirectional=True).to(self.device)
        order = [0, 2, 3, 1]  # input, output, forget, cell → input, forget, cell, output
        for direction, suffix in enumerate(("", "_reverse")):
            for whole, scale, zero, kind in zip(given, scales, zeros, ("ih", "hh"), strict=True):
                factor = scale.to(self.device, torch.float32)[direction]
                base = zero.to(self.device, torch.float32)[direction]
                weight = (whole[direction].to(self.device, torch.float32) - base) * factor
                rows = weight.t().unflatten(0, (4, hidden))[order].flatten(0, 1)
                getattr(lstm, f"weight_{kind}_l0{suffix}").data.copy_(rows)
            for part, kind in enumerate(("ih", "hh")):
                bias = x[3].to(self.device)[direction].unflatten(0, (2, 4, hidden))[part][order]
                getattr(lstm, f"bias_{kind}_l0{suffix}").data.copy_(bias.flatten())
        return lstm.eval()

    def _resize(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        mode = a.get("mode", b"nearest").decode()
        scale = x[2][2:].tolist() if len(x) > 2 and x[2] is not None and x[2].numel() else None
        size = None if scale else x[3][2:].tolist()
        if mode == "nearest":
            return F.interpolate(x[0], size=size, scale_factor=scale, mode="nearest")
        return F.interpolate(
            x[0], size=size, scale_factor=scale, mode="linear", align_corners=False,
            recompute_scale_factor=False,
        )  # fmt: skip

    def _stft(self, x: list[Value], a: Attributes, *_: Any) -> Tensor:
        """Signal [B, T(, 1)], step, window, length → [B, frames, bins, 2]."""
        signal = x[0].squeeze(-1) if x[0].dim() == 3 else x[0]
        window = x[2]
        frames = signal.unfold(-1, window.numel(), int(x[1])) * window.to(self.device)
        return torch.view_as_real(torch.fft.rfft(frames, dim=-1))

    def _nonzero(self, x: list[Value], *_: Any) -> Tensor:
        return x[0].nonzero().t()

    def _scatternd(self, x: list[Value], *_: Any) -> Tensor:
        index = x[1].to(x[0].device)
        return x[0].index_put(tuple(index.unbind(-1)), x[2].to(x[0].device))


def _read(tensor: onnx.TensorProto) -> Tensor:
    array = numpy_helper.to_array(tensor)
    if array.dtype == np.int32:
        array = array.astype(np.int64)
    return torch.from_numpy(np.array(array))
