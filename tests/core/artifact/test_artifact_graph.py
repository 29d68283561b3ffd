"""Artifacts as graphs: for Model Explorer, and as a page with the time of each operation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from nnapi_core.artifact.artifact_graph import Picture, pictures
from nnapi_core.artifact.model_explorer import model_explorer_json
from nnapi_core.cli import main
from nnapi_core.conversion.convert import convert
from tests.core.report.browser import browsing, chromium


class Branching(nn.Module):
    """Submodels, several results, and a piece in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = torch.relu(self.linear(x))
        y = torch.cond(x.sum() > 0, lambda a: a * 2, lambda a: torch.tanh(a), (x,))
        values, indices = y.topk(2)
        return torch.special.i0(y) + 1, values, indices


class Outside(nn.Module):
    """Below feature level 30: branches that are worth a piece each."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.linear(x)
        y = torch.cond(x.sum() > 0, lambda a: a * 2 + 1, lambda a: torch.tanh(a) * 3, (x,))
        return torch.relu(y) + 1


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "branching.nnapi"
    convert(Branching().eval(), (torch.randn(3, 4),), feature_level=30).save(path)
    return path


def check(picture: Picture) -> None:
    known: dict[str, int] = {}
    for node in picture.nodes:
        assert node.name not in known
        for edge in node.reads:
            assert edge.result < max(known[edge.source], 1)
        known[node.name] = len(node.results)


def test_edges_lead_to_results_that_there_are(artifact: Path) -> None:
    main_graph, *submodels = pictures(artifact)
    assert len(submodels) == 2
    for picture in (main_graph, *submodels):
        check(picture)
    labels = [node.label for node in main_graph.nodes]
    assert {"x", "FULLY_CONNECTED", "IF", "TOPK_V2", "torch", "output 2"} <= set(labels)
    (choice,) = [node for node in main_graph.nodes if node.label == "IF"]
    assert set(choice.submodels) == {one.name for one in submodels}
    (dense,) = [node for node in main_graph.nodes if node.label == "FULLY_CONNECTED"]
    details = dict(dense.details)
    assert details["weights"] == "const TENSOR_FLOAT32[4x4]"
    assert f"{Path(__file__).name}:" in details["source"]


def test_control_flow_outside_of_nnapi_has_a_graph_for_each_branch(tmp_path: Path) -> None:
    path = tmp_path / "older.nnapi"
    convert(Outside().eval(), (torch.randn(3, 4),), feature_level=29).save(path)
    main_graph, *branches = pictures(path)
    (choice,) = [node for node in main_graph.nodes if node.label == "if"]
    assert choice.device == "cpu"
    assert set(choice.submodels) == {one.name for one in branches}
    assert {node.label for one in branches for node in one.nodes} >= {"MUL", "TANH", "output 0"}
    for picture in (main_graph, *branches):
        check(picture)


def test_model_explorer_reads_it(artifact: Path) -> None:
    explorer = pytest.importorskip(
        "model_explorer.graph_builder", reason="ai-edge-model-explorer is not installed"
    )
    import dacite

    collection = dacite.from_dict(
        explorer.GraphCollection,
        json.loads("".join(model_explorer_json("branching", pictures(artifact)))),
        config=dacite.Config(strict=True),
    )
    assert len(collection.graphs) == 3


def test_its_json_has_the_names_that_model_explorer_knows(artifact: Path) -> None:
    collection = json.loads("".join(model_explorer_json("branching", pictures(artifact))))
    assert collection.keys() == {"label", "graphs"}
    graphs = {graph["id"]: graph for graph in collection["graphs"]}
    for graph in graphs.values():
        ids = [node["id"] for node in graph["nodes"]]
        assert len(set(ids)) == len(ids)
        for node in graph["nodes"]:
            assert node.keys() == {
                "id", "label", "namespace", "subgraphIds", "attrs", "incomingEdges",
                "inputsMetadata", "outputsMetadata", "style",
            }  # fmt: skip
            assert all(one in graphs for one in node["subgraphIds"])
            assert all(edge["sourceNodeId"] in ids for edge in node["incomingEdges"])
            assert all(isinstance(pair["value"], str) for pair in node["attrs"])


def test_the_commands_write_them(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, graph = tmp_path / "page.html", tmp_path / "graph.json"
    assert main(["inspect", str(artifact), "--report", str(page), "--graph", str(graph)]) == 0
    assert len(json.loads(graph.read_text())["graphs"]) == 3
    assert "FULLY_CONNECTED" in page.read_text()
    timed = tmp_path / "timed.json"
    assert main(["bench", str(artifact), "--runs", "2", "--report", str(timed)]) == 0
    nodes = json.loads(timed.read_text())["graphs"][0]["nodes"]
    times = {node["label"]: node["microseconds"] for node in nodes}
    assert times["FULLY_CONNECTED"] > 0
    assert times["torch"] > 0
    assert times["x"] is None
    capsys.readouterr()
    for wrong in (["inspect", "--graph", "g.html"], ["bench", "--report", "r.txt"]):
        assert main([wrong[0], str(artifact), *wrong[1:]]) == 1
        assert "json" in capsys.readouterr().err


@pytest.mark.skipif(chromium() is None, reason="chromium and chromedriver are not installed")
def test_the_page_colours_by_time(artifact: Path, tmp_path: Path) -> None:
    out = tmp_path / "timed.html"
    assert main(["bench", str(artifact), "--runs", "2", "--report", str(out)]) == 0
    with browsing() as page:
        page.open(out)
        page.run(
            "const mode = document.getElementById('mode'); mode.value = 'time';"
            "mode.dispatchEvent(new Event('change'))"
        )
        assert "color-mix" in page.run(
            "return document.querySelector('.node.nnapi rect').style.fill"
        )
        page.click("table a[data-select]")
        assert " µs, " in page.run("return document.getElementById('panel').innerText")
        assert page.log() == []
