"""Converts the detectors of examples/detectors, and compares their detections with eager torch.

    python -m benchmarks.detectors                 # 20 pieces of photographs for each: some minutes
    python -m benchmarks.detectors mask --crops 2  # those whose names contain one of these

Weights are random and seeded. Detections match by label, IoU of 0.99 or more, and a score within 0.001. Needs Pillow,
with which scikit-learn reads its photographs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from attrs import frozen
from torch import nn

import nnapi_core
from examples.detectors.backbones import mobilenet_v3_fpn, resnet50_fpn
from examples.detectors.matching import Agreement, agreement
from examples.detectors.photographs import crops
from examples.detectors.rcnn import MOBILENET_ANCHORS, RCNN, RESNET_ANCHORS
from examples.detectors.seeded import seeded
from examples.detectors.ssdlite import SSDLite
from nnapi_core.detection import finish, prepare


@frozen
class Detector:
    name: str
    make: Callable[[], nn.Module]
    size: tuple[int, int]
    """Of the pieces; the models resize them where they are made for another."""


DETECTORS = [
    Detector("SSD-Lite MobileNetV3 320", SSDLite, (400, 500)),
    Detector(
        "Mask R-CNN MobileNetV3-FPN 320",
        lambda: RCNN(
            mobilenet_v3_fpn(),
            MOBILENET_ANCHORS,
            image_size=(320, 640),
            proposals=(150, 150),
            masks=True,
        ),
        (320, 400),
    ),
    Detector(
        "Keypoint R-CNN MobileNetV3-FPN 320",
        lambda: RCNN(
            mobilenet_v3_fpn(),
            MOBILENET_ANCHORS,
            classes=2,
            image_size=(320, 640),
            proposals=(150, 150),
            detections=20,
            keypoints=17,
        ),
        (320, 320),
    ),
    Detector(
        "Mask R-CNN ResNet-50-FPN 427",
        lambda: RCNN(
            resnet50_fpn(), RESNET_ANCHORS, image_size=(427, 640), proposals=(1000, 300), masks=True
        ),
        (427, 512),
    ),
]


def run(detector: Detector, count: int) -> None:
    images = list(crops(*detector.size, count))
    model = seeded(detector.make(), images[0])
    prepared = prepare(model, detector.size)
    start = time.perf_counter()
    converted = nnapi_core.convert(prepared, (images[0][None],), feature_level=29)
    seconds = time.perf_counter() - start
    total, times = Agreement(0, 0), []
    for image in images:
        with torch.no_grad():
            theirs = model([image])[0]
        start = time.perf_counter()
        found = converted(image[None])
        times.append(time.perf_counter() - start)
        ours = finish(found, detector.size, resized=prepared.transform.resized)
        total += agreement(ours, theirs)
    rows = converted.report.nodes
    macs = sum(row.macs for row in rows)
    here = sum(row.macs for row in rows if row.device == "nnapi")
    print(
        f"{detector.name}: {total.matched} of {total.count} detections match ({total.share:.2%}), "
        f"masks differ by {total.mask_difference:.2g} at most (mean of a mask); "
        f"{here / macs:.1%} of {macs / 1e9:.2f} GMAC on NNAPI in "
        f"{len(converted.contents.manifest['stages'])} piece(s), level {converted.report.feature_level}; "
        f"converted in {seconds:.0f} s, {sorted(times)[len(times) // 2] * 1e3:.0f} ms a run",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--crops", type=int, default=20)
    options = parser.parse_args()
    wanted = [name.lower() for name in options.names] or [""]
    for detector in DETECTORS:
        if any(name in detector.name.lower() for name in wanted):
            run(detector, options.crops)


if __name__ == "__main__":
    main()
