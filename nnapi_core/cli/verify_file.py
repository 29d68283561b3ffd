"""``nnapi-convert verify FILE MODEL``: an artifact beside the model that it was made from."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from attrs import asdict

from nnapi_core.cli.convert_methods import in_torch, load_methods
from nnapi_core.cli.model_source import load_model
from nnapi_core.cli.print_text import say
from nnapi_core.cli.progress import working
from nnapi_core.cli.report_terminal import show_verification
from nnapi_core.verification.verify import Verification
from nnapi_core.verification.verify_artifact import verify_artifact

SCHEMA_VERSION = 1


def verify_file(options: Namespace) -> bool:
    """Prints what was found; does all of it agree?"""
    results: dict[str, Verification] = {}
    with working("comparing with torch"):
        if not options.method:
            source = load_model(options.model, options.input)
            results[""] = _compared(options, source.args, source.run(options.calls), source.kwargs)
        else:
            methods = load_methods(options.model, options.method)
            for call in methods.calls:
                made = [result for _, result in in_torch(methods, [call] * options.calls)]
                result = _compared(options, call.args, made, call.kwargs, call.name)
                name = call.name
                if name in results:
                    name = (
                        f"{name}, size {sum(one.partition(',')[0] == call.name for one in results)}"
                    )
                results[name] = result
    if options.json:
        say(json.dumps(_document(options, results), indent=1))
    else:
        for title, result in results.items():
            if title:
                say(f"{title}:")
            show_verification(result)
    return all(one.passed for one in results.values())


def _compared(
    options: Namespace, args: Any, expected: Sequence[Any], kwargs: Any, method: str | None = None
) -> Verification:
    return verify_artifact(
        options.file, args, expected, kwargs=kwargs, method=method, limit=options.limit
    )


def _document(options: Namespace, results: dict[str, Verification]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "file": options.file,
        "model": options.model,
        "passed": all(one.passed for one in results.values()),
        "methods": [
            {
                "method": title or "forward",
                "passed": one.passed,
                "limit": one.limit,
                "outputs": [asdict(output) for output in one.outputs],
            }
            for title, one in results.items()
        ],
    }
