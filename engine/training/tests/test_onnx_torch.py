"""A graph run by PyTorch says what onnxruntime says, but for what that one rounds on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")
onnx = pytest.importorskip("onnx", reason="needs the train extra")
from onnx import ModelProto, TensorProto, helper, numpy_helper  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402

from aloud_nano.onnx_torch import OnnxOnTorch  # noqa: E402

NUMBERS = np.random.default_rng(0)


def graph(nodes: list, inputs: dict[str, list], constants: dict[str, np.ndarray]) -> ModelProto:
    """A graph of ``nodes`` with float inputs; the last node's output is the graph's."""
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()]
    made = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    opset = [helper.make_opsetid("", 17)]
    built = helper.make_graph(nodes, "g", given, [made], held)
    return helper.make_model(built, opset_imports=opset, ir_version=8)


def both(model: ModelProto, **inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, inputs)[0]
    return expected, OnnxOnTorch(model, torch.device("cpu")).run(inputs)[0]


def noise(*shape: int) -> np.ndarray:
    return NUMBERS.standard_normal(shape).astype(np.float32)


def test_shapes_are_followed() -> None:
    """[1, 4, 6] is cut, turned, laid flat by a shape that is worked out on the way, and padded."""
    nodes = [
        helper.make_node("Slice", ["x", "from", "to", "axis", "step"], ["cut"]),
        helper.make_node("Transpose", ["cut"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Shape", ["turned"], ["shape"]),
        helper.make_node("Gather", ["shape", "second"], ["count"], axis=0),
        helper.make_node("Concat", ["one", "count", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["turned", "wanted"], ["flat"]),
        helper.make_node("Pad", ["flat", "pads"], ["y"], mode="reflect"),
    ]
    whole = {
        "from": [5], "to": [-100], "axis": [2], "step": [-2], "second": [1], "one": [1],
        "rest": [-1], "pads": [0, 0, 1, 0, 0, 2],
    }  # fmt: skip
    constants = {name: np.array(value, np.int64) for name, value in whole.items()}
    expected, found = both(graph(nodes, {"x": [1, 4, 6]}, constants), x=noise(1, 4, 6))
    assert np.array_equal(expected, found)


def test_the_phase_of_nothing_is_zero() -> None:
    nodes = [helper.make_node("Div", ["a", "b"], ["q"]), helper.make_node("Atan", ["q"], ["y"])]
    model = graph(nodes, {"a": [3], "b": [3]}, {})
    a, b = np.array([0, 1, 0], np.float32), np.array([0, 0, 2], np.float32)
    found = OnnxOnTorch(model, torch.device("cpu")).run({"a": a, "b": b})[0]
    assert np.allclose(found, [0, np.pi / 2, 0])


@pytest.mark.parametrize("kind", ["products", "convolution"])
def test_int8_weights_give_what_they_were_made_of(tmp_path: Path, kind: str) -> None:
    """Nearer to the float graph than onnxruntime's own int8 arithmetic."""
    if kind == "products":
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        inputs, weight = noise(1, 5, 16), noise(16, 8)
    else:
        nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1], dilations=[1])]
        inputs, weight = noise(1, 16, 9), noise(8, 16, 3)
    model = graph(nodes, {"x": list(inputs.shape)}, {"w": weight})
    (tmp_path / "float.onnx").write_bytes(model.SerializeToString())
    quantize_dynamic(
        tmp_path / "float.onnx", tmp_path / "int8.onnx", weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Conv"],
    )  # fmt: skip
    small = ModelProto.FromString((tmp_path / "int8.onnx").read_bytes())
    exact, _ = both(model, x=inputs)
    rounded, found = both(small, x=inputs)
    assert np.abs(found - exact).mean() < 0.02 * np.abs(exact).mean()
    assert np.abs(found - exact).mean() <= np.abs(rounded - exact).mean() * 1.1


def test_an_operator_that_is_not_known_is_named() -> None:
    model = graph([helper.make_node("Erf", ["x"], ["y"])], {"x": [2]}, {})
    with pytest.raises(ValueError, match="Erf is not known here"):
        OnnxOnTorch(model, torch.device("cpu"))
