"""The steps of a conversion: passes stand where they say, `explain` stops early, and a trace has a file for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnapi_core import ConversionError, convert, explain
from nnapi_core.cli import main
from nnapi_core.conversion.list_of_steps import STEPS, Kind
from nnapi_core.conversion.run_steps import Pipeline
from nnapi_core.errors import PluginError
from nnapi_core.flexible.strategy import Strategy
from nnapi_core.plugin import Pass, Phase, hookimpl
from nnapi_core.plugins.registry import Registry

ROOT = Path(__file__).parents[3]
KINDS = {Phase.GRAPH: Kind.GRAPH, Phase.MODEL: Kind.MODEL}
NAMES = {phase: [step.name for step in STEPS if step.kind is kind] for phase, kind in KINDS.items()}


class Layers(torch.nn.Module):
    """Holds something for each of the steps: a batch norm, a call that is split, a branch, a transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.relu(self.norm(self.conv(x)))
        y = torch.cond(
            y.sum() > 0, lambda a: a * 2, lambda a: (a.permute(0, 1, 3, 2) - 1).contiguous(), (y,)
        )
        return torch.nn.functional.hardsigmoid(y), torch.special.i0(y)


X = torch.ones(1, 3, 6, 6)


def registry(*passes: Pass) -> Registry:
    module = ModuleType("acme")

    @hookimpl
    def nnapi_passes() -> list[Pass]:
        return list(passes)

    module.nnapi_passes = nnapi_passes  # type: ignore[attr-defined]
    return Registry.collect(extra=[module])


def watching(called: list[str], name: str, phase: Phase, **place: str) -> Pass:
    def function(value: Any) -> Any:
        called.append(name)
        return value if phase is Phase.MODEL else None

    return Pass(name, phase, function, **place)  # type: ignore[arg-type]


@given(st.sampled_from(list(Phase)), st.sampled_from(["before", "after"]), st.data())
def test_a_pass_stands_where_it_says(phase: Phase, word: str, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from(NAMES[phase]))
    names = [
        one.name for one in Pipeline.of(registry(watching([], "mine", phase, **{word: step}))).steps
    ]
    beside = names[names.index("mine") + (1 if word == "before" else -1)]
    # Others' passes may stand at the same place.
    assert beside == step or beside not in {one.name for one in STEPS}
    earlier, later = (step, "mine") if word == "after" else ("mine", step)
    assert names.index(earlier) < names.index(later)


def test_passes_that_do_not_say_it_stand_where_they_did() -> None:
    passes = watching([], "on the graph", Phase.GRAPH), watching([], "on models", Phase.MODEL)
    names = [step.name for step in Pipeline.of(registry(*passes)).steps]
    assert names.index("unroll") < names.index("on the graph") < names.index("fold_batch_norm")
    assert names.index("fuse_activations") < names.index("on models") < names.index("pack")


@given(st.sampled_from(list(Phase)), st.sampled_from(["before", "after"]), st.text())
def test_a_place_that_is_none_is_one_clear_error(phase: Phase, word: str, name: str) -> None:
    if name in NAMES[phase]:
        return
    wrong = registry(watching([], "mine", phase, **{word: name}))
    with pytest.raises(PluginError, match=r"plugin acme: .*'mine'.*" + NAMES[phase][-1]):
        convert(Layers(), (X,), registry=wrong)


@pytest.mark.parametrize("phase", Phase)
def test_a_place_of_another_kind_is_one_too(phase: Phase) -> None:
    for name in {step.name for step in STEPS} - set(NAMES[phase]):
        with pytest.raises(PluginError, match=f"'mine' is to come after '{name}'"):
            Pipeline.of(registry(watching([], "mine", phase, after=name)))


def test_two_places_are_one_too() -> None:
    one = watching([], "mine", Phase.GRAPH, before="decompose", after="unroll")
    with pytest.raises(PluginError, match=r"'mine' says before= and after="):
        Pipeline.of(registry(one))


@pytest.mark.parametrize("place", [5, ["decompose"], b"decompose"])
def test_a_place_that_is_no_name_is_one_too(place: Any) -> None:
    with pytest.raises(PluginError, match="a step's name as its place"):
        registry(watching([], "mine", Phase.GRAPH, before=place))


def test_a_pass_sees_what_the_steps_before_it_made() -> None:
    seen: dict[str, set[str]] = {}

    def targets(name: str) -> Callable[[Any], None]:
        def look(program: Any) -> None:
            seen.setdefault(name, set()).update(str(n.target) for n in program.graph.nodes)

        return look

    passes = [
        Pass(f"{word} {step}", Phase.GRAPH, targets(f"{word} {step}"), **{word: step})  # type: ignore[arg-type]
        for word in ("before", "after")
        for step in ("fold_batch_norm", "decompose")
    ]
    convert(Layers().eval(), (X,), feature_level=30, registry=registry(*passes))
    norm, split = "aten.batch_norm.default", "aten.hardsigmoid.default"
    assert norm in seen["before fold_batch_norm"]
    assert norm not in seen["after fold_batch_norm"]
    assert split in seen["before decompose"]
    # The branches were shown, too.
    assert "aten.permute.default" in seen["after decompose"]


def test_explain_stops_before_models_are_optimised() -> None:
    called: list[str] = []
    told = registry(watching(called, "graph", Phase.GRAPH), watching(called, "model", Phase.MODEL))
    explain(Layers().eval(), (X,), registry=told)
    assert set(called) == {"graph"}
    called.clear()
    convert(Layers().eval(), (X,), registry=told)
    assert set(called) == {"graph", "model"}


def steps_of(folder: Path) -> list[str]:
    return [path.stem.partition("-")[2] for path in sorted(folder.iterdir())]


def test_a_trace_has_a_readable_file_for_each_step(tmp_path: Path) -> None:
    told = registry(watching([], "acme's own/pass", Phase.MODEL, before="choose_layouts"))
    module = Layers().eval()
    converted = convert(module, (X,), feature_level=30, registry=told, trace=tmp_path / "all")
    names = [step.name for step in Pipeline.of(told).steps]
    assert steps_of(tmp_path / "all") == [one.replace("'s own/", "_s_own_") for one in names]
    texts = {path.stem.partition("-")[2]: path.read_text() for path in (tmp_path / "all").iterdir()}
    for name, text in texts.items():
        title, time, *_ = text.splitlines()
        assert title.startswith(name.split("_")[0])
        assert float(time.partition(" ms")[0]) >= 0
    assert "aten.batch_norm.default" in texts["unroll"]
    assert "aten.batch_norm.default" not in texts["fold_batch_norm"]
    assert f"{Path(__file__).name}:" in texts["fold_constants"]
    assert "CONV_2D(input=" in texts["partition"]
    assert "on the CPU: i0 (aten.i0.default)" in texts["partition"]
    for name in converted.contents.models:
        assert name in texts["pack"]


def test_a_trace_with_free_sizes_shows_each_of_them(tmp_path: Path) -> None:
    height = torch.export.Dim("height", min=4, max=32)
    module = torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.Linear(6, 2))
    x = torch.ones(1, 5, 6)
    shapes = ({1: height},)
    convert(module, (x,), dynamic_shapes=shapes, shape_strategy=Strategy.LOAD_TIME, trace=tmp_path)
    names = steps_of(tmp_path)
    assert names[:2] == ["export", "settle_counts"]
    assert names.count("partition") > 1
    assert names.count("functionalise") == names.count("fuse_activations")


def test_a_trace_goes_into_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "notes.txt", tmp_path / "notes.txt" / "inside"):
        with pytest.raises(ConversionError, match=str(folder)):
            convert(Layers().eval(), (X,), trace=folder)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_command_line_writes_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(
        "import torch\ndef make(): return torch.nn.ReLU(), (torch.ones(2),)\n"
    )
    model = f"{tmp_path}/model.py:make"
    output = str(tmp_path / "out.nnapi")
    assert main([model, "-o", output, "--trace", str(tmp_path / "all")]) == 0
    assert steps_of(tmp_path / "all")[-1] == "pack"
    assert main(["explain", model, "--trace", str(tmp_path / "some")]) == 0
    assert steps_of(tmp_path / "some")[-1] == "partition"
    assert main(["explain", model, "--trace", str(tmp_path / "some")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_the_documented_steps_are_the_steps() -> None:
    rows = [f"| `{one.name}` | {one.kind.value} | {one.says} |" for one in STEPS]
    assert "\n".join(rows) in (ROOT / "docs" / "plugins.md").read_text()
