"""Quantises the detectors of benchmarks.detectors on photographs, and says what is in integers, and how exact it is.

    python -m benchmarks.quantised_detectors              # SSD-Lite and Mask R-CNN over MobileNetV3: some minutes
    python -m benchmarks.quantised_detectors ssd --crops 1

Weights are random: all scores are alike, so that a step of an integer makes other detections, and PT2E's graph finds
others than the float model. So rounded tensors are compared with what torch makes of the integers that NNAPI gave to
their layer, and NNAPI's detections with those that torch makes of the same integers. Needs the extra ``quant``, and
Pillow.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter

import torch

import nnapi_core
from benchmarks.detectors import DETECTORS, Detector
from examples.detectors.matching import Agreement, agreement
from examples.detectors.photographs import crops
from examples.detectors.seeded import seeded
from nnapi_core.detection import finish, prepare
from nnapi_core.testing.rounded_layers import RoundedLayer, compare_with_result

LEVELS = (29, 30)
# On other pieces than those that are compared.
_CALIBRATION = 8


def run(detector: Detector, level: int, count: int) -> None:
    images = list(crops(*detector.size, count))
    model = seeded(detector.make(), images[0])
    prepared = prepare(model, detector.size)
    batches = [(one[None],) for one in crops(*detector.size, _CALIBRATION, seed=1)]
    program = nnapi_core.quantize(prepared, batches, feature_level=level)
    converted = nnapi_core.convert(program, (images[0][None],), feature_level=level)
    graph = program.module()
    layers: list[RoundedLayer] = []
    same, to_graph, to_float, graph_to_float = (Agreement(0, 0) for _ in range(4))

    def found(result: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return finish(result, detector.size, resized=prepared.transform.resized)

    for image in images:
        args = (image[None],)
        compared, result = compare_with_result(program, args, feature_level=level)
        layers += compared
        with torch.no_grad():
            of_float, of_graph = model([image])[0], found(graph(*args))
        ours = found(converted(*args))
        same += agreement(ours, found(result))
        to_graph += agreement(ours, of_graph)
        to_float += agreement(ours, of_float)
        graph_to_float += agreement(of_graph, of_float)
    rows = converted.report.nodes
    islands = converted.report.float_islands()
    macs = sum(row.macs for row in rows)
    in_integers = sum(row.macs for row in rows if row.device == "nnapi" and not row.is_float_island)
    elements = sum(one.steps.numel() for one in layers)
    equal = sum(int((one.steps == 0).sum()) for one in layers)
    print(
        f"{detector.name}, level {level}: {len(converted.contents.manifest['stages'])} piece(s), "
        f"{in_integers / macs:.2%} of {macs / 1e9:.2f} GMAC in integers, "
        f"{len(islands)} of {len(rows)} nodes in floats; "
        f"{len(layers) // count} rounded tensors, {max(one.worst for one in layers)} step(s) off at most, "
        f"{equal / elements:.2%} equal; "
        f"{same.matched} of {same.count} detections are those of the same integers in torch, masks "
        f"{same.mask_difference:.2g} off; of {to_graph.count} by themselves, {to_graph.matched} are PT2E's and "
        f"{to_float.matched} the float model's ({graph_to_float.matched} of PT2E's)",
        flush=True,
    )
    for (target, reason), number in Counter((row.target, row.reason) for row in islands).items():
        print(f"  {number} x {target}: {reason}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=["ssd", "mask r-cnn mobile"])
    parser.add_argument("--crops", type=int, default=4)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for detector in DETECTORS:
        if any(name.lower() in detector.name.lower() for name in options.names):
            for level in LEVELS:
                run(detector, level, options.crops)


if __name__ == "__main__":
    main()
