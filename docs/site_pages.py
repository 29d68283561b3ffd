"""The site's pages that are made from what the project has elsewhere, and its links out of docs/: a hook of MkDocs.

The reference is read from docstrings, parsers, tables and headers, so that it cannot fall behind.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

# Pages of the repository's top, by their place in the site.
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
MODULES = {
    "nnapi_core": "nnapi_core",
    "nnapi_runtime": "nnapi_runtime",
    "plugin": "nnapi_core.plugin",
    "testing": "nnapi_core.testing",
}
HEADERS = {"c": "torch_nnapi.h", "cpp": "torch_nnapi.hpp"}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and the sources that pages link to."""
    for name, text in pages():
        files.append(File.generated(config, name, content=text))
    sources = {
        target
        for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in TOP)]
        for target in map(_source_of, _links(path))
        if target is not None
    }
    for path in sorted(sources):
        text = (ROOT / path).read_text()
        files.append(File.generated(config, f"source/{path}.txt", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links out of docs/ to where the site has what they name."""
    here = page.file.src_uri
    back = {site: top for top, site in TOP.items()}
    folder = ROOT if here in back else ROOT / "docs" / posixpath.dirname(here)

    def lead(match: re.Match[str]) -> str:
        text, target = match.groups()
        path, hash, place = target.partition("#")
        if not path or "://" in path:
            return match.group()
        where = _in_site((folder / path).resolve())
        if where is None:
            return text if text.startswith("`") else f"`{text}`"
        relative = posixpath.relpath(where, posixpath.dirname(here) or ".")
        return f"[{text}]({relative}{hash}{place})"

    return LINK.sub(lead, markdown)


def pages() -> Iterator[tuple[str, str]]:
    """Each page that is made here: its place in the site, and its text."""
    for top, site in TOP.items():
        yield site, (ROOT / top).read_text()
    for name, module in MODULES.items():
        yield f"reference/{name}.md", _module_page(module)
    yield "reference/command_line.md", _command_page()
    yield "reference/reasons.md", _reasons_page()
    yield "reference/operations.md", _operations_page()
    for name, header in HEADERS.items():
        code = (ROOT / "nnapi_runtime/include" / header).read_text()
        yield f"reference/{name}.md", f"# `{header}`\n\n```{name}\n{code}\n```\n"


# ---- links


def _links(path: Path) -> Iterator[Path]:
    for match in LINK.finditer(path.read_text()):
        target = match.group(2).partition("#")[0]
        if target and "://" not in target:
            yield (path.parent / target).resolve()


def _source_of(path: Path) -> Path | None:
    """A file of the repository that is no page, relative to its top."""
    if not path.is_file() or not path.is_relative_to(ROOT):
        return None
    relative = path.relative_to(ROOT)
    return None if relative.parts[0] == "docs" or str(relative) in TOP else relative


def _in_site(path: Path) -> str | None:
    if not path.is_relative_to(ROOT):
        return None
    relative = path.relative_to(ROOT).as_posix()
    if relative in TOP:
        return TOP[relative]
    if relative.startswith("docs/"):
        return relative.removeprefix("docs/")
    return f"source/{relative}.txt" if path.is_file() else None


# ---- pages


def _module_page(name: str) -> str:
    module: Any = __import__(name, fromlist=["__all__"])
    lines = [f"# `{name}`", "", inspect.cleandoc(module.__doc__ or ""), ""]
    for member in sorted(module.__all__, key=str.lower):
        value = getattr(module, member)
        where = getattr(value, "__module__", None)
        if not inspect.isclass(value) and not inspect.isfunction(value):
            lines += [f"## `{member}`", "", f"A `{type(value).__name__}`.", ""]
        elif not isinstance(where, str) or not where.startswith("nnapi_"):
            lines += [f"## `{member}`", "", f"`{where}.{value.__qualname__}`.", ""]
        elif where == "nnapi_runtime._loader":
            # Written in C++: its docstrings are read from the built module.
            lines += [f"## `{member}`", "", *_built(value), ""]
        else:
            lines += [f"::: {where}.{member}", "    options: {heading_level: 2}", ""]
    return "\n".join(lines)


def _built(value: Any) -> Iterator[str]:
    yield from ("```text", inspect.getdoc(value) or "", "```", "")
    for name, member in sorted(vars(value).items()):
        if not name.startswith("_") and inspect.getdoc(member):
            yield from (f"* `{name}`: {' '.join((inspect.getdoc(member) or '').split())}",)


def _command_page() -> str:
    from nnapi_core.cli import convert_arguments

    parsers: dict[str, argparse.ArgumentParser] = {"": convert_arguments._convert_parser()}
    for name in convert_arguments.COMMANDS:
        if name != "convert":
            parsers[name] = convert_arguments._PARSERS[name]()
    lines = ["# Command line", ""]
    for name, parser in parsers.items():
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        lines += [f"## `nnapi-convert {name}`".replace(" `", "`"), ""]
        lines += ["```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _reasons_page() -> str:
    source = (ROOT / "nnapi_core/reasons.py").read_text()
    lines = [
        "# Reasons",
        "",
        "Why a node is not on NNAPI: the `code` of a report's rows, whose text names the limit and the next step"
        " ([Reports](../report.md)).",
        "",
        "| code | means |",
        "|---|---|",
    ]
    for code, text in re.findall(r'= "(\w+)"\n    """(.*?)"""', source, re.S):
        lines.append(f"| `{code}` | {' '.join(text.split())} |")
    return "\n".join(lines) + "\n"


def _operations_page() -> str:
    lines = [
        "# NNAPI's operations",
        "",
        "As the builder checks them, and as the host runtime has them: from which feature level on, of which types"
        " (`f32` float32, `f16` float16, `q8u` and `q8s` unsigned and signed 8-bit integers with a zero point, `q8pc` a"
        " scale for each channel, `i32`, `b8` bool), of which ranks.",
        "",
        "| operation | code | level | types by level | rank |",
        "|---|---|---|---|---|",
    ]
    with (ROOT / "nnapi_core/nnapi/opset/operations.csv").open() as file:
        for row in csv.DictReader(file):
            cells = [row["name"], row["code"], row["level"], row["types"], row["rank"]]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
