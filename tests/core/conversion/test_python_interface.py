"""What a person sees in Python: short texts, one logger, and a warning where little runs on NNAPI."""

from __future__ import annotations

import copy
import html
import logging
import pickle

import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import nnapi_core
from nnapi_core.report.report import Report
from nnapi_core.report.rows import NodeRow
from nnapi_core.report.summary_text import little_on_nnapi


class Odd(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(x) + x


@pytest.fixture(scope="module")
def converted() -> nnapi_core.Converted:
    return nnapi_core.convert(Odd(), (torch.ones(3),), islands=nnapi_core.IslandRule(1))


def test_texts_are_short(converted: nnapi_core.Converted) -> None:
    big = nnapi_core.convert(nn.Sequential(*[nn.Linear(64, 64)] * 30), (torch.ones(1, 64),))
    for one in (converted, big):
        for shown in (one, one.report, one.contents, one.background, one.background.program):
            assert len(repr(shown)) < 250, type(shown)
            assert "object at 0x" not in repr(shown)
    assert repr(converted.report) == (
        "<Report: 1 nodes on NNAPI, 1 on the CPU, 0 folded; 2 piece(s), feature level 27>"
    )


def test_summary_and_the_cell_of_a_notebook(converted: nnapi_core.Converted) -> None:
    text = converted.summary()
    assert text == converted.report.summary()
    assert "1 nodes on NNAPI, 1 on the CPU" in text
    assert "aten.i0.default" in text and "test_python_interface.py" in text
    cell = html.unescape(converted._repr_html_())
    assert "aten.i0.default" in cell and "50.0%" in cell
    for code in ("<script>", "<b>&"):
        report = evolve(converted.report)
        report.nodes = [evolve(one, target=code) for one in report.nodes]
        assert code not in report._repr_html_() and html.escape(code) in report._repr_html_()


def test_a_long_table_is_cut(converted: nnapi_core.Converted) -> None:
    report = evolve(converted.report)
    (refused,) = report.refused()
    report.nodes = [evolve(refused, name=f"node{i}") for i in range(1000)]
    cell = report._repr_html_()
    assert "and 970 more" in cell and len(cell) < 20_000


def test_a_conversion_is_not_pickled_and_can_be_copied(converted: nnapi_core.Converted) -> None:
    with pytest.raises(TypeError, match=r"Save it as \.nnapi, and pickle the session"):
        pickle.dumps(converted)
    x = torch.ones(3)
    assert torch.equal(copy.copy(converted)(x), converted(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_little_on_nnapi_is_one_warning(
    dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).to(dtype)
    nnapi_core.convert(module, (torch.ones(1, 3, dtype=dtype),))
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.name == "nnapi_core"
    said = record.getMessage()
    assert "\n" not in said and "only 0 of 2 nodes run on NNAPI" in said
    assert str(dtype) in said and "module.float()" in said


def test_much_on_nnapi_is_none_and_steps_are_told_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "nnapi_core"):
        nnapi_core.convert(nn.Linear(3, 3), (torch.ones(1, 3),))
    ours = [one for one in caplog.records if one.name == "nnapi_core"]
    assert {one.levelno for one in ours} == {logging.DEBUG}
    assert any(one.getMessage().startswith("export: ") for one in ours)


@given(
    st.lists(st.tuples(st.sampled_from(["nnapi", "cpu", "folded"]), st.integers(0, 9)), max_size=9)
)
def test_little_is_less_than_half_of_nodes_and_of_work(drawn: list[tuple[str, int]]) -> None:
    base = nnapi_core.convert(nn.ReLU(), (torch.ones(1),)).report if not _BASE else _BASE[0]
    _BASE[:] = [base]
    report = evolve(base)
    report.nodes = [
        NodeRow(f"n{i}", "op", device, "why\nmore", "types" if device == "cpu" else "", macs, "")
        for i, (device, macs) in enumerate(drawn)
    ]
    running = [(device, macs) for device, macs in drawn if device != "folded"]
    here = sum(device == "nnapi" for device, _ in running)
    macs, all_macs = (
        sum(macs for device, macs in drawn if device in kinds)
        for kinds in (("nnapi",), ("nnapi", "cpu", "folded"))
    )
    little = bool(running) and here / len(running) < 0.5 and (not all_macs or macs / all_macs < 0.5)
    said = little_on_nnapi(report)
    assert bool(said) is little
    assert not said or (f"only {here} of {len(running)}" in said and said.endswith("why"))


_BASE: list[Report] = []
