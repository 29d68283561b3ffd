"""What torch.export says of a model that it cannot trace, as what to write instead, and where."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb

from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from nnapi_core.graph.program import is_torchs_own

_OURS = str(Path(__file__).parents[2])
# Advice for those who debug torch.
_FOR_TORCH = re.compile(
    r"For more (?:information|debugging help), .*|For extended logs .*|If you suspect .*|For C\+\+ stack trace.*|"
    r"The error above occurred when calling torch\.export\.export\..*|consider using data-dependent friendly.*"
)
_SPECIALISED = re.compile(
    r"You marked (\S+) as dynamic but your code specialized it to be a constant \((\d+)\)"
)
_SUGGESTED = re.compile(r"^ {2}(\w+) = (.+)$", re.MULTILINE)


def told(error: Exception) -> str:
    """The cause in a sentence or some, ending in the next step."""
    if isinstance(error, GuardOnDataDependentSymNode):
        return _depends_on_data(error)
    text = str(error)
    if "Constraints violated" in text and (sizes := list(_sizes(text))):
        return "; ".join(sizes)
    lines = [line.rstrip() for line in _FOR_TORCH.sub("", text).splitlines()]
    kept = "\n".join(line for line in lines if line)
    return f"{type(error).__name__}: {kept}"


def _depends_on_data(error: Exception) -> str:
    where, statement = _users_line(error)
    if re.match(r"(for|while)\b", statement):
        what = "how often this loop runs depends on what tensors hold"
        remedy = (
            "loop as often as it can be, and let torch.where keep what is done, or use while_loop of "
            "torch._higher_order_ops"
        )
    elif "Could not extract" in str(error):
        what = "a size depends on what tensors hold"
        remedy = "give it a fixed size (topk, or a mask over all there can be), or make the number an argument"
    else:
        what = "what is done next depends on what tensors hold"
        remedy = "compute both and choose with torch.where, or give both to torch.cond"
    return f"{what}{where}; {remedy}"


def _users_line(error: Exception) -> tuple[str, str]:
    """The innermost line that is neither torch's nor ours, in brackets, and what stands there."""
    found = ("", "")
    for frame, line in walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not is_torchs_own(file) and not file.startswith(_OURS):
            statement = linecache.getline(file, line).strip()
            said = f": {statement}" if statement else ""
            found = (f" ({file}:{line}{said})", statement)
    return found


def _sizes(text: str) -> Iterator[str]:
    """Of free sizes that the model does not leave free."""
    fixed = dict(_SPECIALISED.findall(text))
    suggested = dict(_SUGGESTED.findall(text))
    for name, size in fixed.items():
        yield (
            f"the size {name} is fixed by the model, at {size} (a weight, a reshape or an index needs it); take it out "
            "of dynamic_shapes"
        )
    for name, expression in suggested.items():
        if name not in fixed and not name.startswith("_"):
            yield f"the size {name} can only be {expression}; say so in dynamic_shapes"
