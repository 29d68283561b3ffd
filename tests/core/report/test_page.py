"""The report as a page, in a real browser: it stands alone, and says of a node what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from nnapi_core.conversion.convert import convert
from nnapi_core.report.report import Report
from nnapi_core.verification.verify import verify
from tests.core.report.browser import Page, browsing, chromium


class Mixed(nn.Module):
    """Pieces on both devices, a folded weight, and text that a page must escape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = torch.relu(self.conv(x) * self.scale.sqrt())
        z = torch.special.i0(y.clamp(max=3.0))
        return {"<i>it's</i>": torch.sigmoid(z) + y, "sum": z.sum()}


def report() -> Report:
    torch.manual_seed(0)
    module, x = Mixed().eval(), torch.randn(1, 3, 8, 8)
    converted = convert(module, (x,))
    with torch.no_grad():
        found = verify(converted, (x,), module(x), by_node=True)
    converted.report.add_errors({one.name: (one.relative, one.own) for one in found.nodes})
    converted.report.notes.append("a note with </script><script>alert(1)</script> in it")
    return converted.report


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if chromium() is None:
        pytest.skip("chromium and chromedriver are not installed: the page is not looked at")
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report().to_html(), "utf-8")
    with browsing() as page:
        page.open(path)
        yield page


def test_it_loads_nothing_and_nothing_goes_wrong(page: Page) -> None:
    loaded = page.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded == []
    assert page.log() == []


def test_every_running_node_is_drawn(page: Page) -> None:
    drawn = page.run("return document.querySelectorAll('svg .node').length")
    running = [row for row in report().nodes if row.device != "folded"]
    assert drawn == len(running) + 1 + 2  # and an input, and two outputs
    colours = page.run(
        "return ['nnapi', 'cpu', 'border'].map((one) => getComputedStyle("
        "document.querySelector(`.node.${one} rect`)).fill)"
    )
    assert len(set(colours)) == 3


def test_a_click_says_what_is_known(page: Page) -> None:
    page.click(".node.cpu")
    said = page.run("return document.getElementById('panel').innerText")
    assert "aten.special_i0.default" in said or "aten.i0.default" in said
    assert "no plugin lowers" in said
    assert "no_lowering" in said
    assert "test_page.py:" in said
    assert "float32 [1, 8, 8, 8]" in said
    assert "error against torch" in said


def test_arrows_walk_along_the_edges(page: Page) -> None:
    page.click("[data-node='0']")
    page.press("\ue015")  # down
    assert "conv2d" in page.run("return document.querySelector('#panel h2').innerText")
    page.press("\ue013")  # up
    first = page.run("return document.querySelector('#panel h2').innerText")
    assert first == "x"
    assert page.run("return document.activeElement.dataset.node") == "0"


def test_a_table_selects_in_the_drawing(page: Page) -> None:
    page.click("table a[data-select]")
    assert page.run("return document.querySelector('.node.chosen') !== null")


def test_colours_by_error(page: Page) -> None:
    page.run(
        "const mode = document.getElementById('mode'); mode.value = 'error';"
        "mode.dispatchEvent(new Event('change'))"
    )
    filled = page.run("return document.querySelector('.node.nnapi rect').style.fill")
    assert "color-mix" in filled
    page.run(
        "const mode = document.getElementById('mode'); mode.value = 'device';"
        "mode.dispatchEvent(new Event('change'))"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_legible_in_light_and_dark(page: Page, dark: bool, tmp_path: Path) -> None:
    page.dark(dark)
    pairs = page.run(
        "return ['nnapi', 'cpu', 'border'].map((one) => { const node = "
        "document.querySelector(`.node.${one}`); return [getComputedStyle(node.querySelector("
        "'rect')).fill, getComputedStyle(node.querySelector('text')).fill] })"
    )
    body = page.run(
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    )
    for back, text in [*pairs, body]:
        assert contrast(back, text) >= 4.5, (back, text)
    page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def contrast(a: str, b: str) -> float:
    """The ratio that the Web Content Accessibility Guidelines ask to be 4.5."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
