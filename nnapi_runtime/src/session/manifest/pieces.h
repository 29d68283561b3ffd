// Pieces in a manifest: what NNAPI runs, what torch runs, and control flow over both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "session/manifest/input_output_specs.h"

namespace nnapi::session {

// The torch node that an NNAPI operation came from, and where the user wrote it.
struct Origin {
  std::string node, target, source;

  static Origin parse(const Field& field);
  std::string text() const;  // "conv2d (aten.conv2d.default) at model.py:12"
};

// What sizes change in a model: word `positions[i]` becomes `values[which[i]]`.
struct Patches {
  struct Part {
    uint32_t weight = 0;  // of which only the leading part is used,
    Dims dims;            // of these dimensions
  };

  std::vector<uint32_t> positions;
  std::vector<uint32_t> which;
  Dims values;
  std::vector<Part> parts;

  static Patches parse(const Field& piece, const SizeNames& sizes);
};

// Which library runs an NNAPI piece: the one that the session was made for, or our own beside it.
enum class LibraryRole : uint8_t { kTarget, kHost };

struct NnapiSpec {
  std::string model;
  std::vector<BorderSpec> inputs, outputs;
  std::vector<Origin> operations;  // where each operation came from; or none at all
  std::optional<Patches> patches;  // of a model that is made for sizes when they are known
  LibraryRole library = LibraryRole::kTarget;
};

// A numbered weight that torch reads, after `steps`: each permutes its dimensions or gives it a
// shape.
struct TorchWeight {
  struct Step {
    bool permute = false;  // else: reshape
    std::vector<int64_t> dims;
  };

  uint32_t weight = 0;
  std::vector<Step> steps;

  static TorchWeight parse(const Field& field);
};

// A piece that runs elsewhere, in torch: on values by name and then on weights.
struct TorchSpec {
  std::string program;
  std::vector<std::string> inputs, outputs;
  std::vector<TorchWeight> weights;

  static TorchSpec parse(const Field& field);
};

struct BranchSpec;

// An `if` (with a condition; its branches are taken where that holds, and where not) or a `while`,
// whose branches are what says whether it goes on, and what it does; it changes the first `carried`
// operands. Output `i` is result `results[i]` of the branches.
struct ControlSpec {
  std::optional<std::string> condition;
  size_t carried = 0;
  std::vector<std::string> operands;
  std::vector<BranchSpec> branches;  // two
  std::vector<std::string> outputs;
  std::vector<size_t> results;
};

using PieceSpec = std::variant<NnapiSpec, TorchSpec, ControlSpec>;

// `inputs` are what it calls its operands; none for one that it does not read.
struct BranchSpec {
  std::vector<std::optional<std::string>> inputs;
  std::vector<PieceSpec> pieces;
  std::vector<std::string> outputs;
};

// The values that a piece needs, and those that it makes.
std::vector<std::string> reads_of(const PieceSpec& piece);
std::vector<std::string> writes_of(const PieceSpec& piece);

// Reads the pieces of one manifest, which may use `sizes`, and counts them.
class PieceParser {
 public:
  explicit PieceParser(const SizeNames& sizes) : sizes_(sizes) {}

  // The items of a list.
  std::vector<PieceSpec> parse(const Field& list, size_t depth = 0);

 private:
  PieceSpec piece(const Field& field, size_t depth);
  NnapiSpec nnapi(const Field& field) const;
  ControlSpec control(const Field& field, bool is_loop, size_t depth);
  BranchSpec branch(const Field& field, size_t depth);

  const SizeNames& sizes_;
  size_t count_ = 0;
};

}  // namespace nnapi::session
