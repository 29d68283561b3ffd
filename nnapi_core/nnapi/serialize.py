"""Model words: a `Model` as bytes, and back. The format is described in docs/file_format.md."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache

import numpy as np

from nnapi_core.errors import ArtifactError, ConversionError
from nnapi_core.nnapi.constant import Array, Constant, Reordering
from nnapi_core.nnapi.model import Model, Operand, Operation
from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import ChannelQuant, OperandCode, OperandType, Quant
from nnapi_core.nnapi.word_reader import WordReader

# Values up to this size travel in the words; NNAPI copies them too, so they need not stay alive.
IMMEDIATE_BYTES = 128
_LIMIT = 1 << 24
# Of what is read here, to be looked at: each operand and operation becomes Python objects.
_MOST_PARTS = 1 << 19
_DEEPEST = 64
_MOST_DIMS = 32


class Source(IntEnum):
    """Where a value comes from."""

    IMMEDIATE = 0
    NUMBERED_BUFFER = 2
    OMITTED = 4
    SUBMODEL = 5


class WeightTable:
    """Numbers the weights of one or several models; constants of the same bytes in the same order share a number."""

    def __init__(self, *, by_content: bool = False) -> None:
        """``by_content``: constants of several conversions share a number where their bytes are the same."""
        self.constants: list[Constant] = []
        self._numbers: dict[Hashable, int] = {}
        self._by_root: dict[Hashable, int] = {}
        self._by_content: dict[Hashable, int] = {}
        self._digests: dict[Hashable, Hashable] | None = {} if by_content else None
        self._read_whole: set[Hashable] = set()

    def will_read(self, constants: Iterable[Constant]) -> None:
        """Announces constants that `reordered` will ask for: what is a stretch of one need not be written beside it."""
        self._read_whole.update(self._content(one.root()[0]) for one in constants)

    def place(self, constant: Constant) -> tuple[int, int]:
        """The number of the weight that holds the bytes of ``constant``, and at which of its bytes they begin."""
        if constant.moved is not None and constant.moved[1].permutation is None:
            return self.place(constant.moved[0])
        stretch = constant.stretch()
        if stretch is None or not self._is_read_whole(stretch[0]):
            return self.number(constant), 0
        number, start = self.place(stretch[0])
        return number, start + stretch[1]

    def _is_read_whole(self, constant: Constant) -> bool:
        if self._content(constant.root()[0]) in self._read_whole:
            return True
        stretch = constant.stretch()
        return stretch is not None and self._is_read_whole(stretch[0])

    def number_apart(self, constant: Constant) -> int:
        """Of a constant that has a number of its own, whatever others have the same bytes: its key's."""
        if constant.key not in self._numbers:
            self._numbers[constant.key] = len(self.constants)
            self.constants.append(constant)
        return self._numbers[constant.key]

    def number(self, constant: Constant) -> int:
        if constant.moved is not None and constant.moved[1].permutation is None:
            # Another shape is another operand over the same bytes.
            return self.number(constant.moved[0])
        if constant.key not in self._numbers:
            number = self._by_content.setdefault(self._content(constant), len(self.constants))
            self._numbers[constant.key] = number
            self._by_root.setdefault(self._content(constant.root()[0]), number)
            if number == len(self.constants):
                self.constants.append(constant)
        return self._numbers[constant.key]

    def _content(self, constant: Constant) -> Hashable:
        """What names the bytes of a constant."""
        if self._digests is None:
            return constant.key
        if constant.key not in self._digests:
            digest = hashlib.sha256()
            for slab in constant.slabs():
                digest.update(slab)
            self._digests[constant.key] = (constant.dtype.str, constant.shape, digest.digest())
        return self._digests[constant.key]

    def reordered(self, constant: Constant) -> tuple[int, tuple[Reordering, ...]]:
        """A numbered weight with the elements of ``constant``, and the steps from it to ``constant``.

        For readers that can permute: a weight is added only where there is none of these elements in any order.
        """
        root, steps = constant.root()
        number = self._by_root.get(self._content(root))
        if number is None:
            return self.number(root), steps
        stored = self.constants[number].root()[1]
        return number, (*(step.undone() for step in reversed(stored)), *steps)


def needs_version_2(model: Model) -> bool:
    """Does it hold what stock PyTorch's format cannot say?"""
    return any(
        operand.omitted
        or operand.submodel is not None
        or isinstance(operand.type.quant, ChannelQuant)
        for operand in model.operands
    )


def serialize(model: Model, weights: WeightTable, *, version: int | None = None) -> bytes:
    """The words of ``model``; its weights are numbered into ``weights``.

    Without ``version``, version 1 where it suffices. Raises `ConversionError` for a model that version 1 is
    asked for but cannot say.
    """
    if version is None:
        version = 2 if needs_version_2(model) else 1
    if version == 1:
        if needs_version_2(model):
            raise ConversionError(
                "the model has per-channel scales, omitted operands or submodels, which stock PyTorch's "
                "format (version 1) cannot express; save it as .nnapi"
            )
        return struct.pack("<i", 1) + _model_words(model, weights, {}, extended=False)
    numbers: dict[int, int] = {id(model): 0}
    models = [model]
    for submodel in _submodels(model, numbers):
        numbers[id(submodel)] = len(models)
        models.append(submodel)
    body = b"".join(_model_words(one, weights, numbers, extended=True) for one in models)
    return struct.pack("<2i", 2, len(models)) + body


def _submodels(model: Model, seen: Mapping[int, int]) -> Iterator[Model]:
    """Every model that this one refers to, depth first, but for those that are ``seen`` meanwhile."""
    for operand in model.operands:
        if operand.submodel is not None and id(operand.submodel) not in seen:
            yield operand.submodel
            yield from _submodels(operand.submodel, seen)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _model_words(
    model: Model, weights: WeightTable, numbers: dict[int, int], *, extended: bool
) -> bytes:
    values: list[bytes] = []
    data: list[bytes] = []
    channel_quants: list[bytes] = []
    operands: list[bytes] = []
    dims: list[int] = []
    for index, operand in enumerate(model.operands):
        quant = operand.type.quant
        per_tensor = quant if isinstance(quant, Quant) else Quant(0.0, 0)
        operands.append(
            struct.pack(
                "<iIfi",
                operand.type.code,
                len(operand.type.dims),
                per_tensor.scale,
                per_tensor.zero_point,
            )
        )
        dims.extend(dim if isinstance(dim, int) else 0 for dim in operand.type.dims)
        if isinstance(quant, ChannelQuant):
            head = struct.pack("<3I", index, quant.dim, len(quant.scales))
            channel_quants.append(head + struct.pack(f"<{len(quant.scales)}f", *quant.scales))
        if operand.is_variable:
            continue
        source, length, content = _value(operand, weights, numbers)
        values.append(struct.pack("<iiI", index, source, length))
        data.append(_padded(content))
    counts = [len(model.operands), len(values), len(model.operations)]
    counts += [len(model.inputs), len(model.outputs)]
    if extended:
        counts.append(len(channel_quants))
    for count in counts:
        if count >= _LIMIT:
            raise ConversionError(
                f"the model has {count} parts of a kind; the format's limit is {_LIMIT}"
            )
    arguments = [
        index for operation in model.operations for index in operation.inputs + operation.outputs
    ]
    return b"".join(
        [
            struct.pack(f"<{len(counts)}i", *counts),
            *operands,
            *values,
            *(
                struct.pack("<iII", op.spec.code, len(op.inputs), len(op.outputs))
                for op in model.operations
            ),
            np.asarray(dims, "<u4").tobytes(),
            *data,
            np.asarray(arguments, "<u4").tobytes(),
            np.asarray(model.inputs + model.outputs, "<u4").tobytes(),
            *channel_quants,
        ]
    )


def _value(
    operand: Operand, weights: WeightTable, numbers: dict[int, int]
) -> tuple[Source, int, bytes]:
    if operand.omitted:
        return Source.OMITTED, 0, b""
    if operand.submodel is not None:
        return Source.SUBMODEL, 4, struct.pack("<I", numbers[id(operand.submodel)])
    constant = operand.constant
    assert constant is not None
    if constant.nbytes <= IMMEDIATE_BYTES and constant.largest is None:
        content = constant.array().tobytes()
        return Source.IMMEDIATE, len(content), content
    if constant.largest is not None:
        number, start = weights.number(constant.largest), 0
    else:
        number, start = weights.place(constant)
    return Source.NUMBERED_BUFFER, 12, struct.pack("<3I", number, start, constant.nbytes)


def deserialize(words: bytes, weights: Sequence[Array]) -> Model:
    """The model in ``words``; the inverse of `serialize`.

    Raises `ArtifactError` for words that are damaged, or hold more than is worth looking at.
    """
    try:
        return _read(words, weights)
    except (ValueError, OverflowError, RecursionError) as error:
        # Of numpy: a shape that no array can have.
        raise ArtifactError(f"model words are damaged: {error}") from error


def _read(words: bytes, weights: Sequence[Array]) -> Model:
    reader = WordReader(bytes(words))
    (version,) = reader.unpack("i", "the version")
    if version == 1:
        return _read_model(reader, weights, {}, extended=False)
    if version != 2:
        raise ArtifactError(f"model words of version {version}; versions 1 and 2 are known")
    (count,) = reader.unpack("i", "the number of models")
    if not 1 <= count < _LIMIT:
        raise ArtifactError(f"model words announce {count} models; at least 1 is needed")
    # Submodels come after the models that refer to them, so they are built from the last to the first.
    starts = []
    for _ in range(count):
        starts.append(reader.position)
        _read_model(reader, weights, None, extended=True)
    built: dict[int, Model] = {}
    depths: dict[int, int] = {}
    for number in reversed(range(count)):
        reader.position = starts[number]
        model = built[number] = _read_model(reader, weights, built, extended=True)
        inner = (one.submodel for one in model.operands if one.submodel is not None)
        depths[id(model)] = 1 + max((depths[id(one)] for one in inner), default=0)
        if depths[id(model)] > _DEEPEST:
            raise ArtifactError(f"models in models more than {_DEEPEST} deep")
    return built[0]


def _read_model(
    reader: WordReader,
    weights: Sequence[Array],
    submodels: dict[int, Model] | None,
    *,
    extended: bool,
) -> Model:
    """One model; with ``submodels`` None, references to submodels are skipped over."""
    counts = reader.unpack("6i" if extended else "5i", "the counts")
    if min(counts) < 0 or max(counts) >= _LIMIT:
        raise ArtifactError(f"model words announce {counts} parts; each must be below {_LIMIT}")
    n_operands, n_values, n_operations, n_inputs, n_outputs = counts[:5]
    reader.parts += n_operands + n_operations if submodels is None or not extended else 0
    if reader.parts > _MOST_PARTS:
        raise ArtifactError(f"more than {_MOST_PARTS} operands and operations are not shown")
    heads = [reader.unpack("iIfi", f"operand {i}") for i in range(n_operands)]
    values = [reader.unpack("iiI", f"value {i}") for i in range(n_values)]
    operations = [reader.unpack("iII", f"operation {i}") for i in range(n_operations)]
    _, rank, _, _ = max(heads, key=lambda head: head[1], default=(0, 0, 0.0, 0))
    if rank > _MOST_DIMS:
        raise ArtifactError(f"an operand has {rank} dimensions; at most {_MOST_DIMS} are shown")
    dims = [tuple(reader.many(rank, "dimensions")) for _, rank, _, _ in heads]
    contents = [
        reader.bytes(length + -length % 4, f"value of operand {i}") for i, _, length in values
    ]
    arguments = [
        (tuple(reader.many(n_in, "operands")), tuple(reader.many(n_out, "operands")))
        for _, n_in, n_out in operations
    ]
    inputs, outputs = reader.many(n_inputs, "inputs"), reader.many(n_outputs, "outputs")
    channels: dict[int, ChannelQuant] = {}
    for _ in range(counts[5] if extended else 0):
        index, dim, n_scales = reader.unpack("3I", "per-channel scales")
        if index >= n_operands:
            raise ArtifactError(f"scales are for operand {index}; there are {n_operands}")
        raw = np.frombuffer(reader.bytes(4 * n_scales, "per-channel scales"), "<f4")
        channels[index] = ChannelQuant(dim, tuple(float(scale) for scale in raw))

    operands = []
    plain = cache(_plain_operand)  # equal ones are one: a model may have very many
    for index, (code, _, scale, zero_point) in enumerate(heads):
        if code not in OperandCode._value2member_map_:
            raise ArtifactError(f"operand {index} has the unknown type {code}")
        if index in channels:
            operands.append(Operand(OperandType(OperandCode(code), dims[index], channels[index])))
        else:
            operands.append(plain(code, dims[index], scale, zero_point))
    for (index, source, length), content in zip(values, contents, strict=True):
        if not 0 <= index < n_operands:
            raise ArtifactError(f"a value is for operand {index}; there are {n_operands}")
        operands[index] = _read_value(
            operands[index].type, index, source, content[:length], weights, submodels
        )
    named = [index for ins, outs in arguments for index in ins + outs] + inputs + outputs
    if any(index >= n_operands for index in named):
        raise ArtifactError(f"operand {max(named)} is named; there are {n_operands}")
    built = []
    for (code, _, _), (ins, outs) in zip(operations, arguments, strict=True):
        spec = ops.of_code(code)
        if spec is None:
            raise ArtifactError(f"operation code {code} is not one of NNAPI's")
        built.append(Operation(spec, ins, outs, level=spec.level))
    return Model(tuple(operands), tuple(built), tuple(inputs), tuple(outputs))


def _plain_operand(code: int, dims: tuple[int, ...], scale: float, zero_point: int) -> Operand:
    per_tensor = Quant(float(scale), zero_point) if scale or zero_point else None
    return Operand(OperandType(OperandCode(code), dims, per_tensor))


def _read_value(
    type_: OperandType,
    index: int,
    source: int,
    content: bytes,
    weights: Sequence[Array],
    submodels: dict[int, Model] | None,
) -> Operand:
    if source == Source.OMITTED:
        return Operand(type_, omitted=True)
    if source == Source.SUBMODEL:
        if len(content) != 4:
            raise ArtifactError(f"operand {index}: a submodel takes 4 bytes, not {len(content)}")
        (number,) = struct.unpack("<I", content)
        if submodels is None:
            return Operand(type_, omitted=True)
        if number not in submodels:
            raise ArtifactError(
                f"operand {index} refers to model {number}, which does not come later"
            )
        return Operand(type_, submodel=submodels[number])
    dims = tuple(dim for dim in type_.dims if isinstance(dim, int))
    size = math.prod(dims) * type_.code.element.itemsize
    if source == Source.NUMBERED_BUFFER:
        if len(content) != 12:
            raise ArtifactError(
                f"operand {index}: a numbered buffer takes 12 bytes, not {len(content)}"
            )
        number, offset, length = struct.unpack("<3I", content)
        if number >= len(weights):
            raise ArtifactError(f"operand {index} is in weight {number}; there are {len(weights)}")
        raw = weights[number].reshape(-1).view(np.uint8)[offset : offset + length]
        if raw.nbytes != length:
            raise ArtifactError(f"operand {index} reaches past the end of weight {number}")
    elif source == Source.IMMEDIATE:
        raw = np.frombuffer(content, np.uint8)
    else:
        raise ArtifactError(f"operand {index} has a value of the unknown source {source}")
    if raw.nbytes != size:
        raise ArtifactError(f"operand {index} ({type_}) needs {size} bytes, not {raw.nbytes}")
    return Operand(type_, Constant.of(raw.view(type_.code.element).reshape(dims)))
