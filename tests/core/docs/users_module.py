"""A user's module that names all that `nnapi_core` and `nnapi_runtime` make public: `make types` checks it strictly."""

import warnings
from pathlib import Path

import torch
from torch import nn

import nnapi_core
import nnapi_runtime
from nnapi_core import (
    Converted,
    ConvertedMethods,
    Culprit,
    DeviceProfile,
    IslandRule,
    NnapiQuantizer,
    OutputError,
    Preset,
    Strategy,
    Unsupported,
    Verification,
)
from nnapi_core.plugin import (
    Context,
    Layout,
    Lowering,
    Pass,
    Phase,
    Program,
    Value,
    hookimpl,
    lowering,
    lowerings_of,
    ops,
    replace_calls,
)
from nnapi_core.testing import Case, check_lowering, check_quantised, tensors


def use(module: nn.Module, x: torch.Tensor) -> None:
    converted: Converted = nnapi_core.convert(
        module,
        (x,),
        feature_level=30,
        islands=IslandRule(2),
        device_profile=DeviceProfile.shipped("nnapi-reference"),
    )
    text: str = converted.summary()
    found: Verification = nnapi_core.verify(converted, (x,), module(x))
    culprit: Culprit | None = found.culprit
    outputs: tuple[OutputError, ...] = found.outputs
    converted.save(Path("m.nnapi"))
    nnapi_core.verify_artifact("m.nnapi", (x,), [module(x)])
    with nnapi_runtime.load("m.nnapi", num_threads=1) as session:
        session(x)
        names: list[str] = [one.name for one in session.inputs]
    methods: ConvertedMethods = nnapi_core.convert_methods({"forward": (module, (x,))})
    program = nnapi_core.quantize(module, [(x,)])
    small = nnapi_core.quantize_weights(module)
    target: Preset = nnapi_core.preset("android11")
    prepared = nnapi_core.prepare_qat(module, (x,))
    nnapi_core.finish_qat(prepared, (x,))
    report = nnapi_core.explain(module, (x,))
    quantizer = NnapiQuantizer(feature_level=29)
    strategies = list(Strategy)
    version: str = nnapi_core.__version__
    print(
        text,
        culprit,
        outputs,
        names,
        methods,
        program,
        small,
        target,
        report,
        quantizer,
        strategies,
        version,
    )


def run(path: Path, x: torch.Tensor) -> str:
    library = nnapi_runtime.host_library()
    device: nnapi_runtime.Device = nnapi_runtime.devices(library)[0]
    try:
        session: nnapi_runtime.Session = nnapi_runtime.load(path, library=library)
        executor: type[nnapi_runtime.Executor] = nnapi_runtime.Executor
        bound: nnapi_runtime.Bound = session.bound()
        return f"{device.name} {executor} {bound} {session.state} {session.placements} {session(x)}"
    except (nnapi_runtime.ArgumentError, nnapi_runtime.LibraryError, nnapi_runtime.ModelError):
        return "no file, no library, or the wrong arguments"
    except nnapi_runtime.NnapiError as error:
        return f"{error.code} {error.source}"


def quiet() -> None:
    warnings.simplefilter("ignore", nnapi_runtime.FallbackWarning)


def stream(module: nn.Module, sound: torch.Tensor) -> torch.Tensor:
    try:
        made: nnapi_core.Streaming = nnapi_core.streaming(module, sound, chunk=1600)
    except nnapi_core.ConversionError as error:
        raise SystemExit(str(error)) from error
    session = nnapi_core.convert_methods(made.methods()).session()
    return torch.cat(list(made.run(sound, session)))


@lowering(torch.ops.aten.erf.default, layout=Layout.ANY)
def erf(context: Context, self: Value) -> Value:
    """erf(Tensor self) -> Tensor"""
    if self.rank > 4:
        raise Unsupported("too many", rank=self.rank)
    return context.emit(ops.TANH, input=self)


def rewrite(program: Program) -> None:
    replace_calls(program, torch.ops.aten.erf.default, torch.tanh)


@hookimpl
def nnapi_lowerings() -> list[Lowering]:
    return lowerings_of(__name__)


@hookimpl
def nnapi_passes() -> list[Pass]:
    return [Pass("rewrite", Phase.GRAPH, rewrite)]


def test() -> None:
    case = Case(torch.erf, (torch.ones(3),))
    check_lowering(case)
    check_quantised(case)
    tensors()
