#include "session/manifest/pieces.h"

#include "session/limits.h"

namespace nnapi::session {

using loader::ModelError;

Origin Origin::parse(const Field& field) {
  return {field["node"].text(), field["target"].text(), field["source"].text()};
}

std::string Origin::text() const {
  const std::string named = target.empty() ? node : node + " (" + target + ")";
  return printable(source.empty() ? named : named + " at " + source);
}

Patches Patches::parse(const Field& piece, const SizeNames& sizes) {
  const Field field = piece["patches"];
  Patches patches;
  for (const Field& item : field["values"].items()) {
    patches.values.push_back(Expression::parse(item, sizes));
  }
  for (const Field& item : field["positions"].items()) {
    patches.positions.push_back(static_cast<uint32_t>(item.integer(0, INT32_MAX)));
  }
  const auto last = static_cast<int64_t>(patches.values.size()) - 1;
  for (const Field& item : field["which"].items()) {
    patches.which.push_back(static_cast<uint32_t>(item.integer(0, last)));
  }
  if (patches.positions.size() != patches.which.size()) {
    throw field["which"].refuse(std::to_string(patches.positions.size()) + " numbers");
  }
  for (const Field& item : piece["parts"].items(limits::kValues)) {
    Part part;
    part.weight = static_cast<uint32_t>(item["weight"].integer(0, INT32_MAX));
    for (const Field& dim : item["dims"].items(limits::kRank)) {
      part.dims.push_back(Expression::parse(dim, sizes));
    }
    patches.parts.push_back(std::move(part));
  }
  return patches;
}

TorchWeight TorchWeight::parse(const Field& field) {
  TorchWeight read;
  for (const Field& item : field["steps"].items(limits::kRank)) {
    const auto parts = item.items();
    const std::string_view kind = parts.size() == 2 ? parts[0].view() : std::string_view();
    if (kind != "permute" && kind != "reshape") {
      throw item.refuse("[\"permute\", dims] or [\"reshape\", shape]");
    }
    Step step;
    step.permute = kind == "permute";
    for (const Field& dim : parts[1].items(limits::kRank)) {
      step.dims.push_back(dim.integer(0, int64_t{0xffffffff}));
    }
    read.steps.push_back(std::move(step));
  }
  read.weight = static_cast<uint32_t>(field["weight"].integer(0, INT32_MAX));
  return read;
}

TorchSpec TorchSpec::parse(const Field& field) {
  TorchSpec spec;
  spec.program = field["program"].text();
  spec.inputs = field["inputs"].strings(limits::kValues);
  spec.outputs = field["outputs"].strings(limits::kValues);
  if (const auto weights = field.find("weights")) {
    for (const Field& item : weights->items(limits::kValues)) {
      spec.weights.push_back(TorchWeight::parse(item));
    }
  }
  return spec;
}

std::vector<PieceSpec> PieceParser::parse(const Field& list, size_t depth) {
  std::vector<PieceSpec> pieces;
  for (const Field& item : list.items(limits::kPieces)) {
    if (++count_ > limits::kPieces) {
      throw ModelError(list.place() + ": the manifest has more than " +
                       std::to_string(limits::kPieces) + " stages");
    }
    pieces.push_back(piece(item, depth));
  }
  return pieces;
}

PieceSpec PieceParser::piece(const Field& field, size_t depth) {
  const Field kind = field["kind"];
  const std::string_view text = kind.view();
  if (text == "nnapi") return nnapi(field);
  if (text == "torch") return TorchSpec::parse(field);
  if (text == "if" || text == "while") return control(field, text == "while", depth);
  throw kind.refuse("\"nnapi\", \"torch\", \"if\" or \"while\"");
}

NnapiSpec PieceParser::nnapi(const Field& field) const {
  NnapiSpec spec;
  spec.model = field["model"].text();
  for (const Field& item : field["inputs"].items(limits::kValues)) {
    spec.inputs.push_back(BorderSpec::parse(item, sizes_));
  }
  for (const Field& item : field["outputs"].items(limits::kValues)) {
    spec.outputs.push_back(BorderSpec::parse(item, sizes_));
  }
  for (const Field& item : field["operations"].items()) {
    spec.operations.push_back(Origin::parse(item));
  }
  if (field.find("patches")) spec.patches = Patches::parse(field, sizes_);
  if (const auto library = field.find("library")) {
    const std::string_view name = library->view();
    if (name != "host" && name != "target") throw library->refuse("\"target\" or \"host\"");
    if (name == "host") spec.library = LibraryRole::kHost;
  }
  return spec;
}

ControlSpec PieceParser::control(const Field& field, bool is_loop, size_t depth) {
  if (depth >= limits::kControlFlowDepth) {
    throw ModelError(field.place() + " is control flow inside of " + std::to_string(depth) +
                     " others, which is the limit");
  }
  ControlSpec spec;
  spec.operands = field["operands"].strings(limits::kValues);
  const size_t operands = spec.operands.size();
  const Field branches = field["branches"];
  for (const Field& item : branches.items(2)) spec.branches.push_back(branch(item, depth + 1));
  bool fits = spec.branches.size() == 2;
  for (const BranchSpec& one : spec.branches) fits = fits && one.inputs.size() == operands;
  if (!fits) throw branches.refuse("two branches of " + std::to_string(operands) + " inputs");
  if (is_loop) {
    spec.carried = static_cast<size_t>(field["carried"].integer(0, static_cast<int64_t>(operands)));
  }
  const size_t count = spec.branches[1].outputs.size();
  const size_t first = spec.branches[0].outputs.size();
  if (is_loop ? count != spec.carried || first != 1 : first != count) {
    throw branches.refuse("branches that give as many results");
  }
  for (const Field& item : field["results"].items(limits::kValues)) {
    spec.results.push_back(static_cast<size_t>(item.integer(0, static_cast<int64_t>(count) - 1)));
  }
  spec.outputs = field["outputs"].strings(limits::kValues);
  if (spec.results.size() != spec.outputs.size()) {
    throw field["results"].refuse(std::to_string(spec.outputs.size()) + " places of results");
  }
  if (!is_loop) spec.condition = field["condition"].text();
  return spec;
}

BranchSpec PieceParser::branch(const Field& field, size_t depth) {
  BranchSpec spec;
  for (const Field& item : field["inputs"].items(limits::kValues)) {
    spec.inputs.push_back(item.is_null() ? std::nullopt : std::optional(item.text()));
  }
  spec.pieces = parse(field["stages"], depth);
  spec.outputs = field["outputs"].strings(limits::kValues);
  return spec;
}

namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

std::vector<std::string> values_of(const std::vector<BorderSpec>& borders) {
  std::vector<std::string> names;
  for (const BorderSpec& border : borders) names.push_back(border.value);
  return names;
}

}  // namespace

std::vector<std::string> reads_of(const PieceSpec& piece) {
  return std::visit(Overloaded{
                        [](const NnapiSpec& one) { return values_of(one.inputs); },
                        [](const TorchSpec& one) { return one.inputs; },
                        [](const ControlSpec& one) {
                          std::vector<std::string> names = one.operands;
                          if (one.condition) names.push_back(*one.condition);
                          return names;
                        },
                    },
                    piece);
}

std::vector<std::string> writes_of(const PieceSpec& piece) {
  return std::visit(Overloaded{
                        [](const NnapiSpec& one) { return values_of(one.outputs); },
                        [](const auto& one) { return one.outputs; },
                    },
                    piece);
}

}  // namespace nnapi::session
