"""LSH_PROJECTION."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core.nnapi.opset import ops
from nnapi_core.nnapi.types import OperandCode, OperandType, Quant
from nnapi_runtime.errors import NnapiError
from tests.runtime.ops.operand_strategies import SEEDS, scalars
from tests.runtime.ops.single_op import Tensor, run_operation, tensor

SEED_VALUES = [0.5, -1.25, 3.0, 100.0]
SPARSE_WITHOUT_OFFSET, DENSE, SPARSE = 1, 2, 3

# FarmHash's own Fingerprint64 of a seed (float32) followed by an item: by size of the item in
# bytes, three items, each with the four seeds. Item bytes are those of `items`.
# fmt: off
HASHES = {
    1: [
        [0xB37F264B5B4871C0, 0x1BB23EAC30198F4E, 0x25EB24994585C7ED, 0x309F078A2C2F2C34],
        [0x83CCFA79C6AA3834, 0xE85F8C13B1D42D1B, 0x7A9CADAA3544A8ED, 0x4D808E34B87CF8AA],
        [0x418B08DD38795C49, 0x0784A8320170B1F3, 0x043DFCFDAE5BD0DB, 0xEB30E0E9F4B547D0],
    ],
    4: [
        [0x28C14D7D9223EB45, 0xF76422CC79C146CF, 0x7B6CCF561E6E0D26, 0x674FD4B7C370ECE8],
        [0xDC3553A69977976C, 0xB91A948D4F37154A, 0x336AB5BE9F571781, 0x3C69F8EABF821753],
        [0x4EC46EEF1A836ABC, 0xDA12DB7B4652960B, 0xD795347C53446B96, 0x5B669C27807477AF],
    ],
    12: [
        [0x59E257B21974FFAC, 0x07CAE4B26F6FB140, 0x4EC552A66420A5E8, 0xD7009A82E9CB868C],
        [0xE1C7F1492E011D31, 0x5C4DEEE6684AEC07, 0x6760CDB0A3A14FC9, 0x6F3A6922801FF2F8],
        [0x8C9E0F8DD71DBA6B, 0x9AD29EDBAA330D31, 0xB4B415C17452C2B4, 0xE7609DC7F3B6D775],
    ],
    20: [
        [0x7DE64D99B0357F95, 0x865D0AE557A20A76, 0xCB0128D255953198, 0x00C64765994BFA03],
        [0xE41BB35D34123825, 0x28D6C4D11166233D, 0xB3221498C0B7E099, 0x19A357DC804C223A],
        [0x2DD0C81DBB5CECCC, 0x34F99B3C5318BDDF, 0xEEA2005BBFAFED3B, 0xBFDD8F1DF8B74316],
    ],
    44: [
        [0x917B23CA9444CF0B, 0x321A116865DA2F26, 0x5963E6B61A28CC2D, 0x2DDD6B6E64BAF6C6],
        [0xC6CF03F2AAF3FCA1, 0x4226AFD28E8C6D31, 0xD937324369303D99, 0x73A2EF3F5D619336],
        [0xAE6710273563089B, 0x896B03FA3F39824F, 0x71B8B62173FB4D35, 0x455E8359657B5DB0],
    ],
    100: [
        [0xE4CABA31062D6989, 0x4E93459898389A81, 0x23B4B922EF41D321, 0xA0068EEC245110DE],
        [0x22636098FFBCB42B, 0xC19C05CFBA1D2922, 0x500E059321BAB277, 0xE853F0C43C839727],
        [0x2BA17264D88A8865, 0xEDA0745BD8BA56CE, 0x2DDB09712EC28D8A, 0x14A55013258516FD],
    ],
    300: [
        [0x3A399D1225AE000F, 0x2F247C5B4AC15CDC, 0x7B4972E026DE3886, 0xAAB674242A40DB4E],
        [0xCA62C7D8AB4A436E, 0xC272CB169D19CDEA, 0xF5D385106E97A642, 0xA0014E67CA1BDE5C],
        [0x82E1386A0FB4A466, 0xF47C936BBAD23ED8, 0x77BE0D03A579093B, 0x105380CC3C08A7A1],
    ],
}
# fmt: on


def items(size: int) -> np.ndarray:
    return (np.arange(3 * size) * 37 + 11).astype(np.uint8).reshape(3, size)


@given(st.data())
def test_lsh_projection(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(sorted(HASHES)), label="item bytes")
    codes = [OperandCode.TENSOR_QUANT8_ASYMM]
    if size % 4 == 0:
        codes += [OperandCode.TENSOR_FLOAT32, OperandCode.TENSOR_INT32, OperandCode.TENSOR_FLOAT16]
    code = data.draw(st.sampled_from(codes))
    quant = Quant(1.0) if code is OperandCode.TENSOR_QUANT8_ASYMM else None
    x = Tensor(items(size).view(code.element), code, quant)

    dtype = data.draw(st.sampled_from([np.float32, np.float16]), label="hash type")
    picked = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6), label="seeds")
    bits_each = data.draw(
        st.sampled_from([n for n in range(1, len(picked) + 1) if len(picked) % n == 0])
    )
    picked_table = np.reshape(picked, (-1, bits_each))
    hashes = np.array(HASHES[size], np.uint64).astype(np.int64).astype(np.float64)

    kind = data.draw(st.sampled_from([SPARSE_WITHOUT_OFFSET, DENSE, SPARSE]), label="kind")
    weight = None
    if kind == DENSE:
        weight = np.random.default_rng(data.draw(SEEDS)).standard_normal(3).astype(dtype)
    sums = (np.ones(3) if weight is None else weight.astype(np.float64)) @ hashes
    bits = (sums > 0).astype(np.int64)[picked_table]
    if kind == DENSE:
        expected = bits.ravel()
    else:
        expected = bits @ (1 << np.arange(bits_each)[::-1])
        if kind == SPARSE:
            expected += np.arange(len(expected)) << bits_each

    result = run_operation(
        ops.LSH_PROJECTION,
        [OperandType(OperandCode.TENSOR_INT32, (data.draw(st.sampled_from([0, len(expected)])),))],
        hash=tensor(np.array(SEED_VALUES, dtype)[picked_table]),
        input=x,
        weight=None if weight is None else tensor(weight),
        kind=data.draw(scalars(kind)),
    )
    np.testing.assert_array_equal(result[0], expected)


@pytest.mark.parametrize("kind", [0, 4, -1])
def test_other_kinds_are_refused(kind: int) -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.LSH_PROJECTION,
            [OperandType(OperandCode.TENSOR_INT32, (0,))],
            hash=tensor(np.zeros((1, 2), np.float32)),
            input=tensor(np.zeros((3, 2), np.float32)),
            weight=None,
            kind=kind,
        )


def test_more_than_32_bits_are_refused() -> None:
    with pytest.raises(NnapiError):
        run_operation(
            ops.LSH_PROJECTION,
            [OperandType(OperandCode.TENSOR_INT32, (0,))],
            hash=tensor(np.zeros((1, 33), np.float32)),
            input=tensor(np.zeros((3, 2), np.float32)),
            weight=None,
            kind=SPARSE,
        )
