""".nnapi files: what is written is read; whatever is damaged is refused, by name and place."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnapi_runtime
from nnapi_runtime import ModelError
from nnapi_runtime.nnapi_file import read_file
from tests.runtime.small_models import dense_file, dense_manifest, dense_result, nnapi_file

WHOLE = dense_file()
HEADER_SIZE = int.from_bytes(WHOLE[:8], "little")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nnapi") / "model.nnapi"


def refusal(path: Path, data: bytes) -> str:
    """The error, which names the file."""
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        nnapi_runtime.load(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_reads_and_runs(path: Path) -> None:
    path.write_bytes(WHOLE)
    model = nnapi_runtime.load(path, num_threads=2)
    x = np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)
    np.testing.assert_allclose(model(x), dense_result(x), rtol=1e-5, atol=1e-5)
    assert [one.name for one in (*model.inputs, *model.outputs)] == ["x", "y"]


def test_weights_are_mapped(path: Path) -> None:
    """They are views of the file, read-only, not copies."""
    path.write_bytes(WHOLE)
    (weight,) = read_file(path).weights
    assert weight.shape == (32, 64)
    assert not weight.flags.owndata
    assert not weight.flags.writeable


def test_as_safetensors_reads_it(path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    path.write_bytes(WHOLE)
    tensors = safetensors.load_file(path)
    assert tensors.keys() == {"weights.0", "model.0"}
    np.testing.assert_array_equal(tensors["weights.0"], read_file(path).weights[0])


def test_every_truncation_is_refused(path: Path) -> None:
    lengths = {*range(0, len(WHOLE), 97), *range(16), len(WHOLE) - 1, 8 + HEADER_SIZE}
    for length in sorted(lengths):
        refusal(path, WHOLE[:length])
    refusal(path, WHOLE + b"\0")


def test_flipped_bits_are_refused(path: Path) -> None:
    """Or they change nothing: blanks in the header, a dtype of equal size."""
    path.write_bytes(WHOLE)
    whole = read_file(path)
    dice = random.Random(5)
    refused = 0
    positions = [dice.randrange(8 * len(WHOLE)) for _ in range(400)]
    positions += [dice.randrange(8 * (8 + HEADER_SIZE)) for _ in range(1600)]
    for bit in positions:
        data = bytearray(WHOLE)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            file = read_file(path)
        except ModelError:
            refused += 1
            continue
        assert file.manifest == whole.manifest
        assert file.models["model.0"].tobytes() == whole.models["model.0"].tobytes()
        assert file.weights[0].tobytes() == whole.weights[0].tobytes()
    assert refused > 0.9 * len(positions)


def test_damaged_weight_is_named(path: Path) -> None:
    data = bytearray(WHOLE)
    data[8 + HEADER_SIZE + 100] ^= 1
    assert "tensor 'weights.0' is damaged: its checksum is" in refusal(path, bytes(data))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.nnapi cannot be read: No such file"):
        nnapi_runtime.load(tmp_path / "none.nnapi")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        nnapi_runtime.load(tmp_path)


def test_other_files(path: Path) -> None:
    assert "cannot be mapped" in refusal(path, b"")
    assert "is no .nnapi file" in refusal(path, b"PK\x03\x04" + bytes(100))
    assert "the header is not JSON" in refusal(path, (4).to_bytes(8, "little") + b"{{{{")
    assert "lacks '__metadata__'" in refusal(path, (2).to_bytes(8, "little") + b"{}")
    deep = b"[" * 100_000
    assert "the header is not JSON" in refusal(path, len(deep).to_bytes(8, "little") + deep)
    assert "not version 1, 2 or 3, which" in refusal(path, dense_file(version="4"))
    assert "header.__metadata__.format is 'onnx'" in refusal(path, dense_file(format="onnx"))
    assert "the manifest is damaged" in refusal(path, dense_file(checksum="00000000"))


def header_with(**entries: object) -> bytes:
    """The whole file with entries of its header replaced."""
    header = json.loads(WHOLE[8 : 8 + HEADER_SIZE])
    header.update(entries)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + WHOLE[8 + HEADER_SIZE :]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [32, 64], "data_offsets": [0, 8191]}, "not the 8192 bytes"),
        ({"dtype": "F32", "shape": [32, 64], "data_offsets": [4, 8196]}, "gap or overlap"),
        ({"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 8192]}, "not the"),
        ({"dtype": "F32", "shape": [-32, -64], "data_offsets": [0, 8192]}, "not an integer from 0"),
        ({"dtype": "F31", "shape": [32, 64], "data_offsets": [0, 8192]}, "not a safetensors dtype"),
        ({"dtype": "F32", "shape": 32, "data_offsets": [0, 8192]}, "shape is 32, not a list"),
        ({"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}, "is True, not an integer"),
        ({"dtype": "F32", "shape": [32, 64], "data_offsets": [0, 1 << 70]}, "not an integer from"),
        ({"dtype": "F32", "shape": [32, 64], "data_offsets": []}, "not the 8192 bytes"),
        ("F32", "is 'F32', not an object"),
    ],
)
def test_hostile_tensor_entries(path: Path, entry: object, message: str) -> None:
    assert message in refusal(path, header_with(**{"weights.0": entry}))


def test_tensors_and_checksums_name_the_same(path: Path) -> None:
    extra = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    assert "only one has: weights.1" in refusal(path, header_with(**{"weights.1": extra}))


def packed_with(manifest: object) -> bytes:
    from tests.runtime.small_models import dense, pack

    packed = pack(dense())
    tensors = {"weights.0": packed.weights[0], "model.0": np.frombuffer(packed.words, np.uint8)}
    return nnapi_file(manifest, tensors)


PATHS = [
    ("feature_level",),
    ("relaxed",),
    ("inputs",),
    ("inputs", 0, "shape"),
    ("inputs", 0, "name"),
    ("outputs",),
    ("outputs", 0, "name"),
    ("output_tree",),
    ("constants",),
    ("stages",),
    ("stages", 0),
    ("stages", 0, "kind"),
    ("stages", 0, "model"),
    ("stages", 0, "inputs"),
    ("stages", 0, "inputs", 0, "value"),
    ("stages", 0, "inputs", 0, "dtype"),
    ("stages", 0, "inputs", 0, "type"),
    ("stages", 0, "inputs", 0, "shape"),
    ("stages", 0, "inputs", 0, "order"),
    ("stages", 0, "inputs", 0, "scale"),
    ("stages", 0, "outputs", 0, "zero_point"),
    ("stages", 0, "operations"),
    ("stages", 0, "operations", 0, "node"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=3)
    ),
    max_leaves=6,
)


@given(place=st.sampled_from(PATHS), value=json_values)
def test_hostile_manifests(path: Path, place: tuple[object, ...], value: object) -> None:
    """A manifest of another's making, checksums and all, is refused with one error, or runs."""
    manifest = dense_manifest()
    inner = manifest
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_bytes(packed_with(manifest))
    with contextlib.suppress(nnapi_runtime.NnapiError):
        nnapi_runtime.load(path)(np.zeros((4, 64), np.float32))
