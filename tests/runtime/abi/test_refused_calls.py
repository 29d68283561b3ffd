"""A refused call is as if it had not been made: what is asked and computed later is the same without it."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_float, c_int, c_void_p
from typing import Any

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import ChannelQuant, OperandType, codes, declared, library

# What each function takes, a letter an argument: a handle by its kind (M model, C compilation, E execution, D memory
# descriptor, Y memory, B burst, V event), o a place for a result, h a place for a new handle, T an operand type, Q
# scales, i an index, n a count and L the list of as many numbers, p bytes and z how many, b a flag, f a frequency,
# u a duration, s a folder, t a token, d a list of devices, k a list of events, x nothing that is valid.
TAKES = {
    "Memory_createFromDesc": "Dh", "Memory_copy": "YY", "Memory_free": "x", "MemoryDesc_create": "h",
    "Memory_createFromFd": "zixzh", "Memory_createFromAHardwareBuffer": "xh",
    "MemoryDesc_addInputRole": "DCif", "MemoryDesc_addOutputRole": "DCif", "MemoryDesc_setDimensions": "DnL",
    "MemoryDesc_finish": "D", "MemoryDesc_free": "x", "Model_create": "h", "Model_free": "x", "Model_finish": "M",
    "Model_addOperand": "MT", "Model_setOperandValue": "Mipz", "Model_setOperandValueFromMemory": "MiYzz",
    "Model_setOperandSymmPerChannelQuantParams": "MiQ", "Model_setOperandValueFromModel": "MiM",
    "Model_addOperation": "MinLnL", "Model_identifyInputsAndOutputs": "MnLnL",
    "Model_relaxComputationFloat32toFloat16": "Mb", "Model_getSupportedOperationsForDevices": "Mdno",
    "Compilation_create": "Mh", "Compilation_createForDevices": "Mdnh", "Compilation_free": "x",
    "Compilation_setCaching": "Cxt", "Compilation_setPreference": "Ci", "Compilation_setPriority": "Ci",
    "Compilation_setTimeout": "Cu", "Compilation_finish": "C",
    "Compilation_getPreferredMemoryAlignmentForInput": "Cio",
    "Compilation_getPreferredMemoryPaddingForInput": "Cio",
    "Compilation_getPreferredMemoryAlignmentForOutput": "Cio",
    "Compilation_getPreferredMemoryPaddingForOutput": "Cio",
    "Execution_create": "Ch", "Execution_free": "x", "Execution_setInput": "EiTpz",
    "Execution_setInputFromMemory": "EiTYzz", "Execution_setOutput": "EiTpz",
    "Execution_setOutputFromMemory": "EiTYzz", "Execution_setReusable": "Eb", "Execution_setMeasureTiming": "Eb",
    "Execution_setTimeout": "Eu", "Execution_setLoopTimeout": "Eu",
    "Execution_enableInputAndOutputPadding": "Eb", "Execution_compute": "E", "Execution_startCompute": "Eh",
    "Execution_startComputeWithDependencies": "Eknuh", "Execution_burstCompute": "EB",
    "Execution_getOutputOperandRank": "Eio", "Execution_getOutputOperandDimensions": "Eio",
    "Execution_getDuration": "Eio", "Burst_create": "Ch", "Burst_free": "x", "Event_wait": "V", "Event_free": "x",
    "Event_createFromSyncFenceFd": "ih", "Event_getSyncFenceFd": "Vo",
    "_getDeviceCount": "o", "_getDevice": "ih", "Device_getName": "xo", "Device_getType": "xo",
    "Device_getVersion": "xo", "Device_getFeatureLevel": "xo", "Device_wait": "x",
    "Device_getExtensionSupport": "xso", "Model_getExtensionOperandType": "Msio",
    "Model_getExtensionOperationType": "Msio", "Model_setOperandExtensionData": "Mipz",
    "Compilation_addExtensionAttribute": "Csipz", "Execution_addExtensionAttribute": "Esipz",
}  # fmt: skip
# A refusal that says that the object is of no more use, or that a memory holds nothing now: NNAPI's own rule.
ENDS = {"Model_finish", "Compilation_finish", "Memory_copy"} | {
    f"Execution_{name}"
    for name in ("compute", "startCompute", "startComputeWithDependencies", "burstCompute")
}
HANDLES = {
    "M": "model", "C": "compilation", "E": "execution", "D": "descriptor", "Y": "memory", "B": "burst", "V": "event",
}  # fmt: skip
FREES = {
    "Memory": "Memory", "MemoryDesc": "MemoryDesc", "Model": "Model", "Compilation": "Compilation",
    "Execution": "Execution", "Burst": "Burst", "Event": "Event",
}  # fmt: skip
BUFFER = 64


@frozen
class Call:
    """A function, and an argument for each letter: a number, a list, a tuple, or the name of a handle."""

    function: str
    arguments: tuple[Any, ...]


FLOATS = (codes.TENSOR_FLOAT32, (2, 3), 0.0, 0)
FUSED = (codes.INT32, (), 0.0, 0)


def step(function: str, *arguments: Any) -> Call:
    return Call(function, arguments)


# A whole life of a model: each call is valid.
LIFE = [
    step("Model_create", "=model"),
    *(step("Model_addOperand", "model", one) for one in (FLOATS, FLOATS, FUSED, FLOATS)),
    step("Model_setOperandValue", "model", 2, b"\0" * 4, 4),
    step("Model_addOperation", "model", codes.ADD, 3, (0, 1, 2), 1, (3,)),
    step("Model_identifyInputsAndOutputs", "model", 2, (0, 1), 1, (3,)),
    step("Model_finish", "model"),
    step("Compilation_create", "model", "=compilation"),
    step("Compilation_setPreference", "compilation", 1),
    step("Compilation_finish", "compilation"),
    step("MemoryDesc_create", "=descriptor"),
    step("MemoryDesc_addInputRole", "descriptor", "compilation", 0, 1.0),
    step("MemoryDesc_finish", "descriptor"),
    step("Memory_createFromDesc", "descriptor", "=memory"),
    step("Burst_create", "compilation", "=burst"),
    step("Execution_create", "compilation", "=execution"),
    step("Execution_setInput", "execution", 0, None, "one", 24),
    step("Execution_setInput", "execution", 1, None, "two", 24),
    step("Execution_setOutput", "execution", 0, None, "result", 24),
    step("Execution_burstCompute", "execution", "burst"),
    step("Execution_getOutputOperandRank", "execution", 0, "place"),
    step("Execution_getOutputOperandDimensions", "execution", 0, "place"),
]  # fmt: skip

numbers = st.sampled_from([0, 1, 2, 3, 4, 5, -1, 7, 100, 2**31 - 1, -(2**31)])
handles = st.sampled_from([None, *HANDLES.values()])
lists = st.lists(st.sampled_from([0, 1, 2, 3, 4, 99, 2**32 - 1]), max_size=6).map(tuple)
types = st.tuples(
    st.sampled_from([-1, 0, 1, 3, 4, 5, 6, 11, 13, 14, 15, 16, 99]),
    st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 1]), max_size=6).map(tuple),
    st.sampled_from([0.0, 1.0, -1.0, float("nan"), float("inf")]),
    st.sampled_from([0, 1, -129, 256]),
)
LETTERS: dict[str, st.SearchStrategy[Any]] = {
    **{letter: st.just(name) | handles for letter, name in HANDLES.items()},
    "o": st.sampled_from([None, "place"]), "h": st.sampled_from([None, "=new"]), "x": handles,
    "T": st.none() | types,
    "Q": st.none() | st.tuples(numbers, st.lists(st.sampled_from([0.0, 1.0, -1.0, float("nan")]), max_size=4)),
    "i": numbers, "L": lists, "p": st.sampled_from([None, "one", b"\0\0\0\0"]), "b": st.booleans(),
    "z": st.sampled_from([0, 1, 4, 23, 24, 25]), "f": st.sampled_from([0.0, 1.0, -1.0, 2.0, float("nan")]),
    "u": st.sampled_from([0, 1, 2**64 - 1]), "s": st.sampled_from([None, b"", b"acme"]),
    "t": st.sampled_from([None, b"\0" * 32]), "d": st.sampled_from([None, "devices"]),
    "k": st.sampled_from([None, "devices"]),
}  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> Call:
    function = draw(st.sampled_from(sorted(TAKES)))
    letters = TAKES[function]
    arguments: list[Any] = [None] * len(letters)
    for place, letter in enumerate(letters):
        if letter != "n":
            arguments[place] = draw(LETTERS[letter])
    for place, letter in enumerate(letters):
        if letter == "n":
            after = arguments[place + 1] if letters[place + 1 : place + 2] == "L" else ()
            arguments[place] = len(after or ()) if after is not None else draw(st.integers(0, 1))
    if function.endswith("_free"):
        # Of nothing, or of an object of another kind, which stays.
        own = {"Memory": "memory", "MemoryDesc": "descriptor"}
        kind = function.removesuffix("_free")
        if arguments[0] == own.get(kind, kind.lower()):
            arguments[0] = None
    return Call(function, tuple(arguments))


class Machine:
    """Runs calls, and keeps what they point to."""

    def __init__(self) -> None:
        self.handles: dict[str, c_void_p] = {}
        self.made: list[tuple[str, c_void_p]] = []
        self.buffers = {
            name: ctypes.create_string_buffer(BUFFER) for name in ("one", "two", "result", "place")
        }
        for name, value in (("one", 1.0), ("two", 2.5)):
            (c_float * 6).from_buffer(self.buffers[name])[:] = [value + i for i in range(6)]
        self.kept: list[Any] = []

    def pointer(self, value: Any) -> Any:
        """What a letter's value is in C."""
        if isinstance(value, str) and value.startswith("="):
            handle = c_void_p()
            self.kept.append(handle)
            return byref(handle)
        if isinstance(value, str) and value in self.buffers:
            return ctypes.addressof(self.buffers[value])
        if value == "devices":
            return (c_void_p * 1)(None)
        if isinstance(value, str):
            return self.handles.get(value)
        if isinstance(value, bytes):
            self.kept.append(ctypes.create_string_buffer(value, BUFFER))
            return ctypes.addressof(self.kept[-1])
        return value

    def run(self, call: Call) -> str:
        taken = []
        for letter, value in zip(TAKES[call.function], call.arguments, strict=True):
            if letter == "L" and value is not None:
                value = c_api.u32(*value) if value else None
            elif letter == "T" and value is not None:
                value = byref(self.type_of(*value))
            elif letter == "Q" and value is not None:
                scales = (c_float * len(value[1]))(*value[1])
                self.kept.append(scales)
                value = byref(ChannelQuant(value[0] % 2**32, len(value[1]), scales))
            else:
                value = self.pointer(value)
            taken.append(value)
        function = getattr(library(), "ANeuralNetworks" + call.function)
        if call.function == "Memory_createFromFd":
            taken[2] = -1
        before = self.buffers["place"].raw
        result = function(*taken)
        if call.function == "Event_getSyncFenceFd" and result != 0 and call.arguments[1]:
            # As documented, a refusal says so in the place, too.
            assert (c_int * 1).from_buffer(self.buffers["place"])[0] == -1
            self.buffers["place"].raw = before
        said = "" if result is None else c_api.NAMES.get(result, str(result))
        for value in call.arguments:
            if isinstance(value, str) and value.startswith("="):
                self.take(call.function, value[1:], self.kept.pop())
        return said

    def type_of(self, code: int, dims: tuple[int, ...], scale: float, zero: int) -> OperandType:
        made = c_api.operand_type(code, dims, scale, zero)
        self.kept.append(made)
        return made

    def take(self, function: str, name: str, handle: c_void_p) -> None:
        if not handle.value or function == "_getDevice":
            return
        kind = function.split("_", maxsplit=1)[0]
        kind = "Event" if function.startswith("Execution_start") else kind
        self.made.append((kind, handle))
        if name != "new":
            self.handles[name] = handle

    def close(self) -> None:
        for kind, handle in reversed(self.made):
            getattr(library(), f"ANeuralNetworks{kind}_free")(handle)

    def seen(self) -> tuple[bytes, ...]:
        return tuple(bytes(one) for one in self.buffers.values())


def lived(calls_: list[Call]) -> tuple[list[str], tuple[bytes, ...]]:
    machine = Machine()
    try:
        return [machine.run(one) for one in calls_], machine.seen()
    finally:
        machine.close()


def test_every_function_is_called() -> None:
    functions = {name.removeprefix("ANeuralNetworks") for name in declared()}
    without_arguments = {
        name for name in functions if name.startswith("_get") and name not in TAKES
    }
    assert functions - without_arguments == set(TAKES)
    for name, letters in TAKES.items():
        assert len(declared()["ANeuralNetworks" + name][1]) == len(letters), name


def test_the_life_is_valid() -> None:
    said, seen = lived(LIFE)
    assert set(said) == {"NO_ERROR"}
    assert (c_float * 6).from_buffer_copy(seen[2])[:] == [3.5 + 2 * i for i in range(6)]
    assert (c_int * 2).from_buffer_copy(seen[3])[:] == [2, 3]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(LIFE)), calls()), min_size=1, max_size=25))
def test_refused_calls_change_nothing(inserted: list[tuple[int, Call]]) -> None:
    life: list[Call] = []
    for place, one in enumerate(LIFE):
        life += [call for at, call in inserted if at == place]
        life.append(one)
    life += [call for at, call in inserted if at == len(LIFE)]
    said, seen = lived(life)
    # Those that are told that all is well, those whose refusal has a meaning, and those that say nothing.
    kept = [
        (call, code)
        for call, code in zip(life, said, strict=True)
        if code in ("NO_ERROR", "") or call.function in ENDS
    ]
    again, seen_again = lived([call for call, _ in kept])
    assert again == [code for _, code in kept]
    assert seen_again == seen


def test_a_bad_output_leaves_good_inputs_free() -> None:
    """The corrected call is accepted, and without it the model is refused."""
    build = LIFE[:7]
    for bad in ((99,), (3, 3), (0,), (2,)):
        wrong = step("Model_identifyInputsAndOutputs", "model", 2, (0, 1), len(bad), bad)
        said, _ = lived([*build, wrong, *LIFE[7:]])
        assert said[7] == "BAD_DATA"
        assert {*said[:7], *said[8:]} == {"NO_ERROR"}
        said, _ = lived([*build, wrong, LIFE[8]])
        assert said[-1] == "BAD_DATA"


def test_inputs_may_be_identified_anew() -> None:
    """What an earlier call has named is free then: nothing stays an input without a value."""
    first = step("Model_identifyInputsAndOutputs", "model", 1, (0,), 1, (1,))
    said, _ = lived([*LIFE[:7], step("Model_addOperand", "model", FLOATS), first, LIFE[8]])
    assert said[-1] == "BAD_DATA"
