"""What a given driver takes, as a JSON file (docs/device_profiles.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from attrs import field, frozen

from nnapi_core.errors import ConversionError, Unsupported
from nnapi_core.nnapi.opset import OperationSpec, ops
from nnapi_core.nnapi.types import OperandCode
from nnapi_core.reasons import Reason

_SHIPPED = Path(__file__).parent / "device_profiles"


@frozen
class DeviceProfile:
    """``operations``: for each operation that the driver takes, the types that its operands may have."""

    name: str
    feature_level: int
    operations: dict[str, frozenset[OperandCode]] = field(repr=False, hash=False)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> DeviceProfile:
        """Of a file, or of a shipped profile by its name alone.

        Raises `ConversionError` for a file that is missing or not a profile.
        """
        if not Path(path).is_file():
            if Path(path).name == str(path) and (_SHIPPED / f"{path}.json").is_file():
                return cls.shipped(str(path))
            raise ConversionError(f"{path}: there is no such file")
        try:
            document = json.loads(Path(path).read_text("utf-8"))
            known = {spec.name for spec in ops}
            operations = {}
            for operation, types in document["operations"].items():
                if operation not in known:
                    raise ConversionError(f"{path}: NNAPI has no operation {operation!r}")
                operations[operation] = frozenset(OperandCode[name] for name in types)
            return cls(str(document["name"]), int(document["feature_level"]), operations)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConversionError(
                f"{path} is not a device profile ({type(error).__name__}: {error}); it needs "
                '{"name": …, "feature_level": …, "operations": {"CONV_2D": ["TENSOR_FLOAT32"], …}}'
            ) from error

    @classmethod
    def shipped(cls, name: str) -> DeviceProfile:
        """One of ``nnapi_core/nnapi/device_profiles``. Raises `ConversionError`, which lists all, for another name."""
        names = sorted(path.stem for path in _SHIPPED.glob("*.json"))
        if name not in names:
            raise ConversionError(
                f"there is no device profile {name!r}; there are {', '.join(names)}"
            )
        return cls.read(_SHIPPED / f"{name}.json")

    def check(self, spec: OperationSpec, codes: Sequence[OperandCode]) -> None:
        """Raises `Unsupported` where the driver does not take the operation, or not with these tensor types."""
        if spec.name not in self.operations:
            raise Unsupported(f"{self.name} does not take {spec}", Reason.DEVICE_PROFILE)
        tensors = {code for code in codes if not code.is_scalar and code is not OperandCode.MODEL}
        refused = sorted(code.name for code in tensors - self.operations[spec.name])
        if refused:
            raise Unsupported(
                f"{self.name} does not take {spec} with {', '.join(refused)}", Reason.DEVICE_PROFILE
            )
