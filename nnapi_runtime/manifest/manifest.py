"""What a converted model says about itself: the manifest of docs/file_format.md, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnapi_runtime.errors import ModelError
from nnapi_runtime.free_sizes import Relation, Size
from nnapi_runtime.json_fields import Field
from nnapi_runtime.manifest.stages import AnyStage, ControlStage, TorchStage, stage_of
from nnapi_runtime.manifest.tensors import Result, TensorSpec, constant
from nnapi_runtime.output_tree import OutputTree
from nnapi_runtime.variants import Variant


@dataclass(frozen=True, slots=True)
class Manifest:
    """A converted model: stages in the order in which they run, on named values."""

    feature_level: int
    relaxed: bool
    inputs: tuple[TensorSpec, ...]
    results: tuple[Result, ...]
    output_tree: OutputTree
    constants: dict[str, np.ndarray[Any, Any]]
    stages: tuple[AnyStage, ...]
    cpu: TorchStage | None = None
    """All of the model in torch, where the file carries that."""
    sizes: tuple[Size, ...] = ()
    relations: tuple[Relation, ...] = ()
    variants: tuple[Variant, ...] = ()
    """Where there are any, they have the stages."""

    @classmethod
    def parse(cls, document: Any) -> Manifest:
        """Checks a JSON document. Raises `ModelError`, which names the place that is wrong."""
        field = Field(document, "manifest")
        sizes = (
            tuple(Size.parse(item) for item in field["sizes"].items()) if "sizes" in field else ()
        )
        names = frozenset(size.name for size in sizes)
        results = tuple(Result.parse(item) for item in field["outputs"].items())
        constants = field["constants"].members() if "constants" in field else ()
        relations = field["relations"].items() if "relations" in field else ()
        variants = field["variants"].items() if "variants" in field else ()
        manifest = cls(
            feature_level=field["feature_level"].integer(27, 2**31 - 1),
            relaxed=field["relaxed"].flag(),
            inputs=tuple(TensorSpec.parse(item, names) for item in field["inputs"].items()),
            results=results,
            output_tree=OutputTree.parse(
                field["output_tree"], leaves=sum(one.into is None for one in results)
            ),
            constants={name: constant(item) for name, item in constants},
            stages=tuple(stage_of(item, names) for item in field["stages"].items()),
            cpu=TorchStage.parse(field["cpu"]) if "cpu" in field else None,
            sizes=sizes,
            relations=tuple(Relation.parse(item, names) for item in relations),
            variants=tuple(Variant.parse(item, names) for item in variants),
        )
        if not manifest.variants:
            manifest._check_names(manifest.stages)
        if manifest.cpu is not None:
            manifest._check_names([manifest.cpu])
        manifest._check_sizes()
        return manifest

    def _check_sizes(self) -> None:
        """Every size is of a value that there is."""
        known = {spec.name for spec in self.inputs}
        known.update(name for stage in self.stages for name in stage.writes())
        for size in self.sizes:
            if size.of not in known:
                raise ModelError(
                    f"manifest.sizes: {size.name!r} is of {size.of!r}, which nothing makes"
                )

    def _check_names(self, stages: Sequence[AnyStage]) -> None:
        """Every value is made once, before it is read."""
        known = set(self.constants)

        def add(name: str, place: str) -> None:
            if name in known:
                raise ModelError(f"{place} makes the value {name!r}, which there is already")
            known.add(name)

        for spec in self.inputs:
            add(spec.name, "manifest.inputs")

        def check(stages: Sequence[AnyStage], place: str) -> None:
            for i, stage in enumerate(stages):
                here = f"{place}[{i}]"
                read(stage.reads(), here)
                for branch in stage.branches if isinstance(stage, ControlStage) else ():
                    for parameter in branch.inputs:
                        if parameter is not None:
                            add(parameter, here)
                    check(branch.stages, f"{here}.branches.stages")
                    read(branch.outputs, here)
                for name in stage.writes():
                    add(name, here)

        def read(names: Iterable[str], place: str) -> None:
            for name in names:
                if name not in known:
                    raise ModelError(f"{place} reads {name!r}, which nothing makes")

        check(stages, "manifest.stages")
        for result in self.results:
            if result.spec and result.spec.name not in known:
                raise ModelError(
                    f"manifest.outputs names {result.spec.name!r}, which nothing makes"
                )
            if result.into is not None and all(one.name != result.into for one in self.inputs):
                raise ModelError(f"manifest.outputs writes into {result.into!r}, which is no input")
            if result.spec and result.python:
                constant = self.constants.get(result.spec.name)
                if constant is None or constant.shape != ():
                    raise ModelError(
                        f"manifest.outputs: the number {result.spec.name!r} is no scalar constant"
                    )
