"""torchvision's own definitions of detectors, beside ours.

Imported as Python files, they define torchvision's operators without kernels for the rest of the process: `make test`
gives them one.
"""

from __future__ import annotations

import torch

import nnapi_core
from examples.detectors.matching import agreement
from examples.detectors.rcnn import MOBILENET_ANCHORS
from examples.detectors.seeded import seeded
from examples.detectors.ssdlite import SSDLite
from nnapi_core.detection import finish, prepare
from tests.models.test_detectors import SIZE, mobile, pieces
from tests.models.torchvision_source import detection_models


def test_torchvisions_own_definitions() -> None:
    """The same weights in torchvision's model: the same names, the same detections, and it converts as well."""
    models = detection_models()
    images = pieces()
    ours = seeded(SSDLite(), images[0])
    theirs = models.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    found = theirs.load_state_dict(ours.state_dict())
    assert not found.missing_keys and not found.unexpected_keys
    converted = nnapi_core.convert(
        prepare(theirs.eval(), SIZE), (images[0][None],), fallback="error"
    )
    with torch.no_grad():
        expected = theirs([images[1]])[0]
        found = ours([images[1]])[0]
    # The same but for the order of equal scores, and boxes without area, which overlap nothing.
    assert torch.equal(found["scores"], expected["scores"])
    assert agreement(found, expected).share >= 0.99
    assert agreement(finish(converted(images[1][None]), SIZE), found).share >= 0.99


def test_torchvisions_own_mask_rcnn() -> None:
    models = detection_models()
    (image,) = pieces(1)
    ours = seeded(mobile(masks=True), image)
    backbone = models.backbone_utils.mobilenet_backbone(
        backbone_name="mobilenet_v3_large", weights=None, fpn=True, trainable_layers=6
    )
    ratios = ((0.5, 1.0, 2.0),) * 3
    theirs = models.MaskRCNN(
        backbone,
        91,
        min_size=320,
        max_size=640,
        rpn_anchor_generator=models.anchor_utils.AnchorGenerator(MOBILENET_ANCHORS, ratios),
        rpn_pre_nms_top_n_test=60,
        rpn_post_nms_top_n_test=40,
        box_detections_per_img=12,
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    converted = nnapi_core.convert(prepare(theirs, SIZE), (image[None],), fallback="error")
    with torch.no_grad():
        expected = theirs([image])[0]
        assert agreement(ours([image])[0], expected).share == 1
    assert agreement(finish(converted(image[None]), SIZE), expected).share >= 0.99
