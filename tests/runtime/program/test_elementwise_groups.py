"""Elementwise operations that follow each other run block by block: what they compute is what each computes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from tests.runtime import c_api
from tests.runtime.c_api import execution, good, set_input, set_output

UNARY = ("ABS", "NEG", "EXP", "SQRT", "RSQRT", "FLOOR", "RELU", "RELU6", "LOGISTIC", "TANH")
BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "PRELU")
WITH_ACTIVATION = ("ADD", "SUB", "MUL", "DIV")


@frozen
class Step:
    """``a`` and ``b`` number the model's inputs and then the steps' results."""

    operation: str
    a: int
    b: int
    activation: int = 0


@frozen
class Graph:
    rows: int
    columns: int
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    """Numbers of steps; the last step is one of them."""

    def inputs(self) -> list[np.ndarray]:
        """Whole, a row, a column; and a single number, which is a constant."""
        rows, columns = self.rows, self.columns
        random = np.random.default_rng([rows, columns])
        shapes = [(rows, columns), (1, columns), (rows, 1), (1, 1)]
        return [random.standard_normal(shape).astype(np.float32) for shape in shapes]

    def run(self, *, known: bool) -> list[np.ndarray]:
        """Operations of shapes that only a run knows are computed one by one."""
        model = c_api.Model()
        arrays = self.inputs()
        number = arrays.pop()
        inputs = [model.floats(*(x.shape if known else (0, 0))) for x in arrays]
        values = [*inputs, model.constant(c_api.codes.TENSOR_FLOAT32, number)]
        for step in self.steps:
            operands = [values[step.a]]
            if step.operation in BINARY:
                operands.append(values[step.b])
            if step.operation in WITH_ACTIVATION:
                operands.append(model.int32(step.activation))
            dims = (self.rows, self.columns) if known else (0, 0)
            values.append(model.floats(*dims))
            model.operation(step.operation, operands, [values[-1]])
        model.finish(inputs, [values[4 + number] for number in self.outputs])
        compilation = c_api.compile_model(model)
        results = [np.full((self.rows, self.columns), 7, np.float32) for _ in self.outputs]
        with execution(compilation) as run:
            for index, array in enumerate(arrays):
                assert set_input(run, index, array, array.shape) == "NO_ERROR"
            for index, result in enumerate(results):
                assert set_output(run, index, result) == "NO_ERROR"
            good("Execution_compute", run)
        c_api.free("Compilation", compilation)
        model.free()
        return results


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Every step reads something of the whole shape, so that its result has it, too."""
    count = draw(st.integers(1, 24))
    steps = []
    for number in range(count):
        whole = st.sampled_from([0, *range(4, 4 + number)])
        a, b = draw(whole), draw(st.one_of(whole, st.integers(1, 3)))
        operation = draw(st.sampled_from((*UNARY, *BINARY, "MUL", "ADD", "MUL", "ADD")))
        if operation in BINARY and operation != "PRELU" and draw(st.booleans()):
            a, b = b, a
        steps.append(Step(operation, a, b, draw(st.integers(0, 3))))
    others = draw(st.sets(st.integers(0, count - 1), max_size=3))
    rows, columns = draw(st.tuples(st.integers(1, 40), st.integers(1, 200)))
    return Graph(rows, columns, tuple(steps), tuple(sorted({*others, count - 1})))


def fan(width: int) -> Sequence[Step]:
    """More values wait at once than a block has slots for."""
    waiting = [Step("ADD", 0, 0)] + [Step("MUL", 4 + i, 1) for i in range(width)]
    gathered = [Step("ADD", 3 + len(waiting), 4)]
    for i in range(width):
        gathered.append(Step("SUB", 3 + len(waiting) + len(gathered), 5 + i))
    return [*waiting, *gathered]


# Products and constants that are added to them; the second product is read again.
POLYNOMIAL = (
    Step("MUL", 0, 0),
    Step("ADD", 4, 3),
    Step("MUL", 5, 0),
    Step("ADD", 3, 6),
    Step("MUL", 7, 6),
    Step("ADD", 8, 3),
    Step("MUL", 9, 3),
    Step("ADD", 10, 3),
    Step("MUL", 11, 0, activation=1),
    Step("ADD", 12, 3),
    Step("MUL", 13, 0),
    Step("ADD", 14, 3, activation=2),
)

# A row of numbers, a column, and a clamp; what is passed on once, and what is read again.
NORMALISATION = (
    Step("SUB", 0, 2),
    Step("MUL", 4, 4),
    Step("MUL", 4, 2),
    Step("MUL", 1, 6),
    Step("ADD", 7, 1, activation=3),
    Step("LOGISTIC", 8, 8),
    Step("SUB", 3, 9),
    Step("DIV", 2, 10),
    Step("DIV", 11, 5),
    Step("TANH", 12, 12),
    Step("RELU1", 13, 13),
    Step("EXP", 14, 14),
)


@given(graphs())
@example(Graph(37, 111, POLYNOMIAL, (11,)))
@example(Graph(3, 5, POLYNOMIAL, (2, 4, 11)))
@example(Graph(37, 111, NORMALISATION, (1, 11)))
@example(Graph(23, 200, NORMALISATION, (0, 5, 11)))
@example(Graph(5, 63, NORMALISATION, (11,)))
@example(Graph(3, 1500, NORMALISATION, (11,)))
@example(Graph(37, 111, tuple(fan(12)), (25,)))
@example(Graph(1, 1, (Step("EXP", 0, 0), Step("NEG", 4, 0)), (1,)))
def test_groups_compute_what_their_steps_do(graph: Graph) -> None:
    with np.errstate(all="ignore"):
        for together, alone in zip(graph.run(known=True), graph.run(known=False), strict=True):
            np.testing.assert_array_equal(together, alone)
