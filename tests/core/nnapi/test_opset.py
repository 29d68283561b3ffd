"""The opset table reads, and is whole."""

from __future__ import annotations

from nnapi_core.nnapi.opset import FEATURE_LEVELS, ops
from nnapi_core.nnapi.types import OperandCode


def test_all_operations_are_there() -> None:
    assert [spec.code for spec in ops] == list(range(106))


def test_every_rule_binds_every_variable() -> None:
    for spec in ops:
        kinds = {slot.kind for form in spec.forms for slot in form} | {o.kind for o in spec.outputs}
        variables = {kind for kind in kinds if len(kind) == 1 and kind != "S"}
        for rule in spec.rules:
            assert not rule.types or variables <= set(rule.types), (spec.name, rule)


def test_levels_are_known_and_rules_are_not_older_than_their_operation() -> None:
    for spec in ops:
        assert spec.level in FEATURE_LEVELS, spec
        assert min(rule.level for rule in spec.rules) == spec.level, spec


def test_names_are_unique_within_a_form() -> None:
    for spec in ops:
        for form in spec.forms:
            names = [slot.name for slot in form]
            assert len(names) == len(set(names)), spec


def test_form_is_found_by_operand_types() -> None:
    tensor, number, flag = OperandCode.TENSOR_FLOAT32, OperandCode.INT32, OperandCode.BOOL
    explicit = ops.CONV_2D.form_for([tensor] * 3 + [number] * 7)
    implicit = ops.CONV_2D.form_for([tensor] * 3 + [number] * 4 + [flag])
    assert explicit is not None
    assert explicit[-1].name == "activation"
    assert implicit is not None
    assert implicit[3].name == "padding_scheme"
    assert ops.CONV_2D.form_for([tensor]) is None
    several = ops.CONCATENATION.form_for([tensor, tensor, tensor, number])
    assert several is not None
    assert [slot.name for slot in several] == ["input", "input", "input", "axis"]


def test_operations_are_listed() -> None:
    assert {spec.name for spec in ops} <= set(dir(ops))
    assert all(hasattr(ops, name) for name in dir(ops))
