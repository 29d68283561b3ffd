"""Mask R-CNN from torch to NNAPI: converts it, compares it with eager torch, and draws what it finds.

python examples/mask_rcnn.py -o found.png
python examples/mask_rcnn.py --backbone resnet50 --weights maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth --image street.jpg

Without --weights (a state_dict of torchvision's maskrcnn_resnet50_fpn) the weights are random, and so is what is found;
they are seeded such that there is something to see. Needs Pillow.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

import nnapi_core
from examples.detectors.backbones import mobilenet_v3_fpn, resnet50_fpn
from examples.detectors.matching import agreement, printed
from examples.detectors.photographs import photographs
from examples.detectors.rcnn import MOBILENET_ANCHORS, RCNN, RESNET_ANCHORS
from examples.detectors.seeded import seeded
from nnapi_core.detection import finish, prepare

COLOURS = [(230, 60, 60), (60, 160, 230), (250, 190, 40), (110, 200, 90), (190, 110, 230)]


def mask_rcnn(backbone: str) -> RCNN:
    if backbone == "resnet50":
        return RCNN(resnet50_fpn(), RESNET_ANCHORS, image_size=(800, 1333), masks=True)
    sizes, proposals = (320, 640), (150, 150)
    return RCNN(
        mobilenet_v3_fpn(), MOBILENET_ANCHORS, image_size=sizes, proposals=proposals, masks=True
    )


def model() -> tuple[nn.Module, tuple[Tensor]]:
    """For nnapi-convert: the prepared model over MobileNetV3, and an example input."""
    image = photographs()[0]
    prepared = prepare(seeded(mask_rcnn("mobilenet"), image), image.shape[-2:])
    return prepared, (image[None],)


def drawn(image: Tensor, found: dict[str, Tensor], least: float, most: int) -> Any:
    """The image with masks, boxes, classes and scores of the best detections."""
    from PIL import Image, ImageDraw

    chosen = [k for k, score in enumerate(found["scores"].tolist()) if score >= least][:most]
    pixels = image * 255
    for k in reversed(chosen):
        colour = torch.tensor(COLOURS[k % len(COLOURS)], dtype=torch.float32)[:, None, None]
        pixels = torch.where(found["masks"][k] >= 0.5, 0.5 * pixels + 0.5 * colour, pixels)
    picture = Image.fromarray(pixels.round().byte().permute(1, 2, 0).numpy())
    pen = ImageDraw.Draw(picture)
    for k in reversed(chosen):
        colour, box = COLOURS[k % len(COLOURS)], found["boxes"][k].tolist()
        pen.rectangle(box, outline=colour, width=2)
        text = f"class {int(found['labels'][k])}  {float(found['scores'][k]):.2f}"
        left, top = box[0] + 3, box[1] + 2
        pen.rectangle(pen.textbbox((left, top), text), fill=(0, 0, 0))
        pen.text((left, top), text, fill=colour)
    return picture


def read(path: str | None) -> Tensor:
    if path is None:
        return photographs()[0]
    import numpy as np
    from PIL import Image

    pixels = np.array(Image.open(path).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", choices=["mobilenet", "resnet50"], default="mobilenet")
    parser.add_argument("--weights", metavar="FILE", help="a state_dict as torchvision has it")
    parser.add_argument("--image", metavar="FILE", help="instead of scikit-learn's photograph")
    parser.add_argument("--least", type=float, default=0.5, help="the score from which on to draw")
    parser.add_argument("--most", type=int, default=6, help="how many detections to draw")
    parser.add_argument("--save", metavar="OUT", help="write the artifact: .nnapi, .ptl or .pt")
    parser.add_argument("-o", "--output", default="mask_rcnn.png", metavar="PNG")
    options = parser.parse_args()

    image = read(options.image)
    size = (image.shape[1], image.shape[2])
    detector = mask_rcnn(options.backbone)
    if options.weights:
        state = torch.load(options.weights, map_location="cpu", weights_only=True)
        detector.load_state_dict(state)
        detector.eval()
    else:
        seeded(detector, image)

    prepared = prepare(detector, size)
    converted = nnapi_core.convert(prepared, (image[None],), feature_level=29)
    pieces = [stage["kind"] for stage in converted.contents.manifest["stages"]]
    print(f"{len(converted.report.nodes)} nodes in {len(pieces)} piece(s): {', '.join(pieces)}")
    start = time.perf_counter()
    found = finish(converted(image[None]), size)
    print(f"{len(found['labels'])} detections in {time.perf_counter() - start:.2f} s, the best:")
    print(printed(found))
    with torch.no_grad():
        expected = detector([image])[0]
    agreed = agreement(found, expected)
    print(
        f"{agreed.matched} of {agreed.count} match eager torch "
        f"(masks differ by {agreed.mask_difference:.2g} at most)"
    )
    drawn(image, found, options.least, options.most).save(options.output)
    print(f"drawn into {options.output}")
    if options.save:
        converted.save(options.save)
    return 0 if agreed.share >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())
