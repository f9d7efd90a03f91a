"""The decoder is trained on from what ships, and ships as it was trained."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (the train extra)")
onnx = pytest.importorskip("onnx", reason="needs the train extra")

from aloud_nano.export import export_decoder, export_encoder  # noqa: E402
from aloud_nano.halves import word_errors  # noqa: E402
from aloud_nano.model import Nano  # noqa: E402
from aloud_nano.quantise import on_grid, quantise_matmuls  # noqa: E402
from aloud_nano.runtime import NanoRuntime  # noqa: E402
from aloud_nano.shipped import (  # noqa: E402
    shipped_decoder,
    shipped_hearing,
    shipped_model,
    shipped_scribe,
)
from aloud_nano.tokens import hearing_vocabulary  # noqa: E402
from aloud_nano.tune import Ears  # noqa: E402

SHIPPED = Path(__file__).parents[2] / "models" / "nano"


def integers(path: Path) -> list[np.ndarray]:
    graph = onnx.load(path).graph
    return [
        onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.name.endswith("_quantized")
    ]


@pytest.fixture(scope="module")
def model() -> Nano:
    made = Nano()
    made.decoder.load_state_dict(shipped_decoder(SHIPPED, made.config.decoder))
    return made.eval().requires_grad_(False)


def test_the_shipped_decoder_exports_to_the_integers_it_was_read_from(model, tmp_path):
    export_decoder(model.decoder, tmp_path / "float.onnx")
    quantise_matmuls(tmp_path / "float.onnx", tmp_path / "int8.onnx")
    before = integers(SHIPPED / "onnx" / "decoder_model_merged_quantized.onnx")
    after = integers(tmp_path / "int8.onnx")
    assert len(before) == len(after) == 6 * model.config.decoder.layers + 1
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_shipped_scribe_exports_to_the_integers_it_was_read_from(tmp_path):
    """All but the output projection: its weights are read from the finer table of embeddings."""
    decoder = shipped_scribe(SHIPPED).requires_grad_(False).decoder
    export_decoder(decoder, tmp_path / "float.onnx")
    quantise_matmuls(tmp_path / "float.onnx", tmp_path / "int8.onnx")
    before = integers(SHIPPED / "onnx" / "scribe_decoder_quantized.onnx")
    for one, other in zip(before[:-1], integers(tmp_path / "int8.onnx")[:-1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_rounding_to_the_grid_a_second_time_changes_nothing():
    weight = torch.randn(24, 48, generator=torch.Generator().manual_seed(3))
    once = on_grid(weight)
    assert not torch.equal(once, weight)
    torch.testing.assert_close(on_grid(once), once)


def test_the_ears_hear_what_the_exported_model_hears():
    runtime = NanoRuntime(SHIPPED)
    noise = np.random.default_rng(5).standard_normal(3 * 7680).astype(np.float32) * 0.1
    stream = runtime.open()
    runtime.hear(stream, noise)
    features = runtime.mel(noise).reshape(80, 3, 48).transpose(1, 0, 2)
    heard = Ears(SHIPPED, threads=1).hear(np.ascontiguousarray(features), 0)
    for layer in range(heard.shape[1]):
        for kind, name in enumerate(("key", "value")):
            expected = stream.cross[f"cross.{layer}.{name}"][0, :, 1:]  # without the sink
            expected = expected.transpose(1, 0, 2).reshape(heard.shape[2], -1)
            np.testing.assert_array_equal(heard[kind, layer], expected)


def test_the_shipped_encoder_exports_to_the_integers_it_was_read_from(tmp_path):
    model = shipped_model(SHIPPED).requires_grad_(False)
    export_encoder(model, tmp_path / "float.onnx", shipped_scribe(SHIPPED))
    quantise_matmuls(tmp_path / "float.onnx", tmp_path / "int8.onnx")
    before = integers(SHIPPED / "onnx" / "audio_encoder_quantized.onnx")
    after = integers(tmp_path / "int8.onnx")
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_word_pieces_of_the_shipped_model_are_cut_as_the_model_learned_them():
    pieces = shipped_hearing(SHIPPED)
    config = json.loads((SHIPPED / "config.json").read_text())
    assert hearing_vocabulary(pieces) == config["ctc"]["vocab"]
    assert pieces.encode("turn the lights on").tokens == [" turn", " the", " lights", " on"]


def test_the_nearest_beginning_of_a_text_that_goes_round_in_circles_counts():
    truth, heard = "you must sleep".split(), "you must sleep you must sleep".split()
    assert word_errors(truth, heard) == 3
    assert word_errors(truth, heard, beginning=True) == 0
    assert word_errors(truth, [], beginning=True) == 3
