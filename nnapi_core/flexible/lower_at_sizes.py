"""A model with free sizes, lowered at given ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field, frozen
from torch.export import ExportedProgram

from nnapi_core.errors import Unsupported
from nnapi_core.flexible.sample_sizes import Point
from nnapi_core.graph.program import Program
from nnapi_core.graph.sizes.free_sizes import FreeSize, tree_of, user_inputs
from nnapi_core.graph.sizes.size_relations import Relation, relations
from nnapi_core.graph.sizes.specialise import SymbolicProgram
from nnapi_core.lowering.partition.choose_nnapi_or_cpu import Partition
from nnapi_core.nnapi.size_expression import Expression

GivenBack = Mapping[str, Unsupported]


@frozen(eq=False)
class AtSizes:
    """A model lowered at given sizes."""

    program: Program
    partition: Partition
    point: Point = ()


Lower = Callable[[ExportedProgram, GivenBack], AtSizes]


@define(eq=False)
class Sampler:
    """Lowers a model at any sizes, each once."""

    symbolic: SymbolicProgram
    sizes: tuple[FreeSize, ...]
    example: Point
    lower: Lower
    relaxed: bool
    relations: list[Relation]
    given_back: dict[str, Unsupported] = field(factory=dict)
    """Nodes that stay on the CPU whatever the sizes, by name."""
    _known: dict[Point, AtSizes] = field(factory=dict)
    _alive: list[AtSizes] = field(factory=list)
    """Constants are named after their programs, so that these must not go before the names."""

    @classmethod
    def of(
        cls,
        symbolic: SymbolicProgram,
        sizes: tuple[FreeSize, ...],
        lower: Lower,
        *,
        relaxed: bool,
    ) -> Sampler:
        names = {size.symbol: size.name for size in sizes}
        given = [size for size in sizes if not size.is_data_dependent]
        # Over the ranges of dimensions that the user named, torch has proved its guards.
        proved = all(size.is_named for size in given)
        found = [] if proved else relations(symbolic.exported, names)
        return cls(symbolic, sizes, tuple(map(symbolic.hint, sizes)), lower, relaxed, found)

    def takes(self, point: Point) -> bool:
        """Do these sizes satisfy what torch found they must?"""
        sizes = self.named(point)
        return all(one.holds(sizes) for one in self.relations)

    def at(self, point: Point) -> AtSizes:
        if point not in self._known:
            numbers = {size.symbol: n for size, n in zip(self.sizes, point, strict=True)}
            lowered = self.lower(self.symbolic.at(numbers), self.given_back)
            self._known[point] = evolve(lowered, point=point)
            self._alive.append(lowered)
        return self._known[point]

    def give_back(self, refusals: GivenBack) -> None:
        self.given_back.update(refusals)
        self._known.clear()

    def named(self, point: Point) -> dict[str, int]:
        return {size.name: n for size, n in zip(self.sizes, point, strict=True)}

    def vocabulary(self) -> list[Expression]:
        names = {size.symbol: size.name for size in self.sizes}
        trees = [tree_of(one, names) for one in self.symbolic.expressions()]
        return [*names.values(), *(one for one in trees if one is not None)]

    def described(self, lowered: AtSizes) -> list[dict[str, Any]]:
        """The manifest's list of sizes. Copies of a graph may have other names for its inputs."""
        given = (node.name for node in user_inputs(self.symbolic.exported))
        names = dict(zip(given, (node.name for node in lowered.program.inputs), strict=True))
        point = lowered.point or self.example
        return [
            {
                "name": size.name,
                "min": size.least if size.is_data_dependent else max(size.least, 1),
                "max": size.most,
                "of": names.get(size.of, size.of),
                "dim": size.dim,
                "factor": size.factor,
                "offset": size.offset,
                "example": number,
            }
            for size, number in zip(self.sizes, point, strict=True)
        ]
