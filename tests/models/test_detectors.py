"""Whole detectors: prepared, converted in one piece, and compared with eager torch as sets of detections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import nnapi_core
import nnapi_runtime
from examples.detectors.backbones import mobilenet_v3_fpn, resnet50_fpn
from examples.detectors.blocks import conv
from examples.detectors.boxes import Images
from examples.detectors.matching import Agreement, agreement
from examples.detectors.rcnn import MOBILENET_ANCHORS, RCNN, RESNET_ANCHORS, RegionPool
from examples.detectors.seeded import seeded
from examples.detectors.ssdlite import SSDLite
from nnapi_core.detection import finish, prepare
from nnapi_core.detection.results import heatmaps_to_keypoints, paste_masks
from nnapi_core.detection.roi_heads import RegionFeatures, level_thresholds

SIZE = (320, 352)
CROPS = 2


def pieces(count: int = CROPS) -> list[Tensor]:
    pytest.importorskip("PIL", reason="scikit-learn reads its photographs with Pillow")
    from examples.detectors.photographs import crops

    return list(crops(*SIZE, count))


def mobile(**options: Any) -> RCNN:
    return RCNN(
        mobilenet_v3_fpn(),
        MOBILENET_ANCHORS,
        image_size=(320, 640),
        proposals=(60, 40),
        detections=12,
        **options,
    )


class Stem(nn.Module):
    """A backbone of two layers, for what does not depend on the backbone."""

    out_channels = 16

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"0": self.layers(x)}


SMALL = (64, 96)


def small(image: Tensor, **options: Any) -> nn.Module:
    model = RCNN(
        Stem(),
        ((8, 16, 32),),
        classes=4,
        image_size=(64, 128),
        proposals=(60, 20),
        detections=8,
        **options,
    )
    return seeded(model, image)


def small_image() -> Tensor:
    return pieces(1)[0][:, : 2 * SMALL[0] : 2, : 2 * SMALL[1] : 2].contiguous()


MODELS = {
    "ssdlite": SSDLite,
    "mask": lambda: mobile(masks=True),
    "keypoints": lambda: mobile(classes=2, keypoints=5),
}


@pytest.fixture(scope="module", params=MODELS)
def detector(request: pytest.FixtureRequest) -> Any:
    """The eager model, the prepared one, the converted one, and images."""
    images = pieces()
    model = seeded(MODELS[request.param](), images[0])
    prepared = prepare(model, SIZE)
    converted = nnapi_core.convert(prepared, (images[0][None],), feature_level=29, fallback="error")
    return request.param, model, prepared, converted, images


def test_a_detector_is_one_piece_and_finds_what_torch_finds(detector: Any) -> None:
    _, model, prepared, converted, images = detector
    assert [stage["kind"] for stage in converted.contents.manifest["stages"]] == ["nnapi"]
    total = Agreement(0, 0)
    for image in images:
        with torch.no_grad():
            theirs = model([image])[0]
        assert len(theirs["labels"]) > 2
        ours = finish(converted(image[None]), SIZE, resized=prepared.transform.resized)
        assert set(ours) == set(theirs)
        total += agreement(ours, theirs)
        if "keypoints" in theirs and total.share == 1:
            # Of two places that are as high but for rounding, either is the highest.
            elsewhere = (ours["keypoints"] - theirs["keypoints"]).abs().amax(-1) >= 0.05
            heights = (ours["keypoints_scores"] - theirs["keypoints_scores"]).abs()
            assert elsewhere.float().mean() < 0.02
            assert heights.max() < 3e-4 * theirs["keypoints_scores"].abs().max()
    assert total.share >= 0.99, total
    assert total.mask_difference < 1e-3


def in_stock_torch(folder: Path, image: Tensor, method: str = "forward") -> dict[str, Tensor]:
    """What ``detector.ptl`` finds in a process that has never seen this project."""
    torch.save(image[None], folder / "image.pt")
    program = (
        "import ctypes, sys, torch\n"
        "from torch.jit.mobile import _load_for_lite_interpreter as load\n"
        "library, folder, method = sys.argv[1:]\n"
        "ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)\n"
        "model = load(folder + '/detector.ptl')\n"
        "found = model.run_method(method, torch.load(folder + '/image.pt'))\n"
        "assert not [name for name in sys.modules if name.startswith('nnapi')]\n"
        "torch.save(dict(found), folder + '/found.pt')\n"
    )
    library = str(nnapi_runtime.host_library())
    subprocess.run([sys.executable, "-c", program, library, str(folder), method], check=True)
    found: dict[str, Tensor] = torch.load(folder / "found.pt")
    return found


def test_a_detector_runs_in_stock_torch(detector: Any, tmp_path: Path) -> None:
    name, _, _, converted, images = detector
    if name == "keypoints":
        pytest.skip("the other two have the same kinds of results")
    converted.save(tmp_path / "detector.ptl")
    found = in_stock_torch(tmp_path, images[1])
    expected = converted(images[1][None])
    assert set(found) == set(expected)
    for key, tensor in expected.items():
        assert torch.equal(found[key], tensor), key


def test_nothing_found_is_a_result_too() -> None:
    image = small_image()
    model = small(image, masks=True)
    model.roi_heads.score_thresh = 0.9999999
    converted = nnapi_core.convert(prepare(model, SMALL), (image[None],), fallback="error")
    found = converted(image[None])
    assert not found["labels"].any() and not found["boxes"].any() and not found["scores"].any()
    assert finish(found, SMALL)["masks"].shape == (0, 1, *SMALL)


def test_keypoints_on_nnapi() -> None:
    image = small_image()
    model = small(image, keypoints=3)
    prepared = prepare(model, SMALL, keypoints=True)
    converted = nnapi_core.convert(prepared, (image[None],), fallback="error")
    assert converted.report.operations["HEATMAP_MAX_KEYPOINT"] == 1
    with torch.no_grad():
        theirs, expected = model([image])[0], finish(prepared(image[None]), SMALL)
    ours = finish(converted(image[None]), SMALL)
    assert agreement(ours, theirs).share == 1
    assert ours["keypoints"].shape == theirs["keypoints"].shape
    assert (ours["keypoints"] - expected["keypoints"]).abs().max() < 0.1


def test_below_level_29_the_heads_stay_in_torch(tmp_path: Path) -> None:
    """And leave in the artifact as TorchScript."""
    image = small_image()
    model = small(image, masks=True)
    converted = nnapi_core.convert(prepare(model, SMALL), (image[None],), feature_level=28)
    on_cpu = {str(row.target) for row in converted.report.nodes if row.device == "cpu"}
    assert "nnapi.generate_proposals.default" in on_cpu
    with torch.no_grad():
        theirs = model([image])[0]
    expected = converted(image[None])
    assert agreement(finish(expected, SMALL), theirs).share == 1
    converted.save(tmp_path / "detector.nnapi")
    loaded = nnapi_runtime.load(tmp_path / "detector.nnapi")(image[None])
    converted.save(tmp_path / "detector.ptl")
    stock = in_stock_torch(tmp_path, image)
    for key, tensor in expected.items():
        assert torch.equal(loaded[key], tensor) and torch.equal(stock[key], tensor), key


def test_a_detector_runs_without_nnapi(tmp_path: Path) -> None:
    image = small_image()
    model = small(image, masks=True)
    nnapi_core.convert(prepare(model, SMALL), (image[None],)).save(tmp_path / "detector.ptl")
    found = in_stock_torch(tmp_path, image, "forward_cpu")
    with torch.no_grad():
        assert agreement(finish(found, SMALL), model([image])[0]).share == 1


def test_steps_that_depend_on_data_are_not_saved(tmp_path: Path) -> None:
    def regions(x: Tensor, boxes: Tensor) -> Tensor:
        return torch.ops.nnapi.roi_align(x.relu(), boxes, 1.0, 2, 2, 0)

    class Regions(nn.Module):
        forward = staticmethod(regions)

    args = (torch.ones(1, 2, 8, 8), torch.tensor([[0.0, 0.0, 4.0, 4.0]]))
    converted = nnapi_core.convert(Regions(), args, feature_level=28)
    assert torch.equal(converted(*args), regions(*args))
    for name in ("regions.ptl", "regions.nnapi"):
        with pytest.raises(nnapi_core.ConversionError, match=r"depends on data.*need 29"):
            converted.save(tmp_path / name)


@pytest.mark.parametrize("level", [29, 30])
def test_layers_in_integers_and_boxes_in_floats(level: int) -> None:
    pytest.importorskip("torchao", reason="quantisation needs torchao")
    image = small_image()
    prepared = prepare(small(image, masks=True), SMALL)
    program = nnapi_core.quantize(prepared, [(image[None],)], feature_level=level)
    converted = nnapi_core.convert(program, (image[None],), feature_level=level, fallback="error")
    operations = converted.report.operations
    assert operations["GENERATE_PROPOSALS"] == 1 and operations["BOX_WITH_NMS_LIMIT"] == 1
    floats = [row for row in converted.report.nodes if row.reason and row.device == "nnapi"]
    layers = ("conv", "linear")
    assert not [row for row in floats if str(row.target).removeprefix("aten.").startswith(layers)]
    own = [row for row in floats if str(row.target).startswith("nnapi.")]
    assert all("eighths of a pixel" in row.reason for row in own)
    exact = [str(row.target) for row in own]
    assert sorted(exact) == [
        "nnapi.box_transform.default",
        "nnapi.box_with_nms_limit.default",
        "nnapi.generate_proposals.default",
        "nnapi.roi_align.default",
        "nnapi.roi_align.default",
    ]
    with torch.no_grad():
        theirs = finish(program.module()(image[None]), SMALL)
    ours = finish(converted(image[None]), SMALL)
    # One rounding apart, an integer moves a score by more than 0.001: the best detection has a partner.
    assert theirs["labels"][0] in ours["labels"]
    assert abs(float(ours["scores"][0] - theirs["scores"][0])) < 0.1


def test_a_pyramid_of_four_levels_takes_each_region_from_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    features = {str(k): torch.randn(1, 4, 64 >> k, 80 >> k, generator=generator) for k in range(4)}
    low = torch.rand(60, 2, generator=generator) * torch.tensor([320.0, 256.0])
    extent = torch.rand(60, 2, generator=generator) ** 3 * 300
    boxes = torch.cat([low, (low + extent).minimum(torch.tensor([320.0, 256.0]))], dim=1)
    pool = RegionPool(3)

    theirs = pool(features, [boxes], Images(torch.zeros(1, 3, 256, 320), [(256, 320)]))
    ours = RegionFeatures(pool, (256, 320))(features, boxes)
    assert torch.allclose(ours, theirs, atol=1e-5)


@given(st.floats(1.0, 2000.0, width=32))
def test_levels_step_where_torchvisions_formula_does(size: float) -> None:
    thresholds = level_thresholds(2, 5, 224, 4)
    for number in (size, *thresholds, *(t * (1 - 2**-24) for t in thresholds)):
        one = torch.tensor(number)
        formula = torch.floor(4 + torch.log2(one / 224) + torch.tensor(1e-6)).clamp(2, 5) - 2
        assert sum(bool(one >= t) for t in thresholds) == int(formula)


def test_resnet_weights_have_torchvisions_names() -> None:
    names = set(RCNN(resnet50_fpn(), RESNET_ANCHORS, masks=True).state_dict())
    assert {
        "backbone.body.layer4.2.conv3.weight",
        "backbone.fpn.inner_blocks.3.0.weight",
        "rpn.head.conv.0.0.weight",
        "roi_heads.box_predictor.bbox_pred.bias",
        "roi_heads.mask_head.3.0.weight",
        "roi_heads.mask_predictor.mask_fcn_logits.weight",
    } <= names


# ---- on the CPU


def test_what_is_found_is_drawn() -> None:
    pytest.importorskip("PIL", reason="drawn with Pillow")
    from examples.mask_rcnn import drawn

    masks = torch.zeros(2, 1, 60, 80)
    masks[0, 0, 30:50, 20:40] = 1.0
    found = {
        "boxes": torch.tensor([[10.0, 20.0, 50.0, 55.0], [60.0, 5.0, 70.0, 9.0]]),
        "labels": torch.tensor([3, 4]),
        "scores": torch.tensor([0.9, 0.2]),
        "masks": masks,
    }
    picture = drawn(torch.zeros(3, 60, 80), found, least=0.5, most=6)
    assert picture.size == (80, 60)
    assert picture.getpixel((30, 40)) == picture.getpixel((39, 49)) != (0, 0, 0)
    assert picture.getpixel((50, 40)) != (0, 0, 0) and picture.getpixel((60, 7)) == (0, 0, 0)


def test_masks_cover_their_boxes() -> None:
    boxes = torch.tensor(
        [[10.0, 20.0, 29.0, 39.0], [-8.0, 50.0, 11.0, 90.0], [300.0, 5.0, 400.0, 6.0]]
    )
    pasted = paste_masks(torch.ones(3, 1, 14, 14), boxes, (64, 96))
    assert pasted.shape == (3, 1, 64, 96)
    assert bool((pasted[0, 0, 21:39, 11:29] > 0.999).all()) and not pasted[0, 0, :18].any()
    assert bool((pasted[1, 0, 53:, :10] > 0.999).all()) and not pasted[1, 0, :, 16:].any()
    assert not pasted[2].any()


def test_keypoints_are_where_the_maps_are_highest() -> None:
    maps = torch.zeros(1, 2, 8, 8)
    maps[0, 0, 2, 5] = maps[0, 1, 7, 0] = 3.0
    places, heights = heatmaps_to_keypoints(maps, torch.tensor([[100.0, 200.0, 180.0, 280.0]]))
    assert (places[0, 0, :2] - torch.tensor([155.0, 225.0])).abs().max() <= 1
    assert (places[0, 1, :2] - torch.tensor([105.0, 275.0])).abs().max() <= 5
    assert bool((heights > 2.5).all())


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(nnapi_core.ConversionError, match="roi_heads"):
        prepare(nn.Linear(1, 1), (8, 8))


def test_another_size_is_refused() -> None:
    prepared = prepare(SSDLite().eval(), (64, 64))
    with pytest.raises(nnapi_core.ConversionError, match="prepare it for this size"):
        prepared(torch.zeros(1, 3, 64, 65))
