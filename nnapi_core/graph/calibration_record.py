"""What a calibration or a training found out, kept with the program that it made: in memory and in a ``.pt2`` file."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import frozen
from torch.export import ExportedProgram

_KEY = "nnapi_core.quantisation"


@frozen
class TensorRange:
    """The range that some tensors' integers have, and what it costs them on the calibration batches."""

    tensors: tuple[str, ...]
    """Names in the float graph; an operator that is spelt in others has words."""
    low: float
    high: float
    method: str
    clipped: float
    """The share of values beyond the range, from 0 to 1."""
    snr: float
    """In dB, of the values to their rounding."""


@frozen
class CurvePoint:
    """What is reached with so many layers ``left`` in floats: of the model as it was made where it is ``finished``,
    else of a trial on some batches."""

    left: int
    value: float
    finished: bool


@frozen
class CalibrationRecord:
    """``snr`` has the distance of each float result to the float module's in dB, over all calibration batches.

    It is infinite where nothing differs. ``floats`` are the names of tensors that were left in floats, and why. Of a
    program that was ``trained`` for integers, the float module is what was trained, without rounding, and the
    batches are the example. ``calibration`` names how ranges were found, ``tensors`` has them. ``left`` are the
    layers that were asked for in floats, or had to be for the ``goal``: then ``layers`` has each with its distance in
    dB where it alone is rounded, the worst first, and ``curve`` what was reached with how many of these in floats.
    """

    batches: int
    snr: tuple[float, ...]
    floats: dict[str, str]
    trained: bool = False
    calibration: str = ""
    tensors: tuple[TensorRange, ...] = ()
    left: tuple[str, ...] = ()
    layers: tuple[tuple[str, float], ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    goal: str = ""

    def keep_with(self, program: ExportedProgram) -> None:
        # What is under "custom" is written by torch.export.save.
        custom: dict[str, Any] = program.graph_module.meta.setdefault("custom", {})
        custom[_KEY] = attrs.asdict(self)

    @classmethod
    def of(cls, program: ExportedProgram) -> CalibrationRecord | None:
        """None for a program that was not quantised here."""
        found = program.graph_module.meta.get("custom", {}).get(_KEY)
        if not found:
            return None
        ranges = [{**one, "tensors": tuple(one["tensors"])} for one in found.get("tensors", ())]
        return cls(
            batches=found["batches"],
            snr=tuple(found["snr"]),
            floats=dict(found["floats"]),
            trained=found.get("trained", False),
            calibration=found.get("calibration", ""),
            tensors=tuple(TensorRange(**one) for one in ranges),
            left=tuple(found.get("left", ())),
            layers=tuple((name, value) for name, value in found.get("layers", ())),
            curve=tuple(CurvePoint(**one) for one in found.get("curve", ())),
            goal=found.get("goal", ""),
        )

    def __str__(self) -> str:
        decibels = ", ".join(f"{one:.1f}" for one in self.snr) or "no result of floats, "
        if self.trained:
            return f"{decibels} dB from what was trained, without rounding, on the example"
        return f"{decibels} dB from the float module on {self.batches} calibration batch(es)"

    def notes(self) -> list[str]:
        """For a report."""
        notes = [f"the quantised program is {self}"]
        notes += [
            f"left in floats, for its values in calibration: {name}, {why}"
            for name, why in self.floats.items()
        ]
        if self.left:
            notes.append(f"computed in floats, as was asked: {', '.join(self.left)}")
        if self.curve:
            points = ", ".join(f"{one.left}: {one.value:.4g}" for one in self.curve)
            notes.append(f"for {self.goal}, by the number of layers in floats: {points}")
        return notes
