#include "session/manifest/names.h"

#include <span>
#include <unordered_set>

#include "session/limits.h"

namespace nnapi::session {
namespace {

using loader::ModelError;

class Names {
 public:
  Names(const Manifest& manifest, const std::string& place) : place_(place) {
    for (const auto& [name, value] : manifest.constants) known_.insert(name);
    for (const TensorSpec& input : manifest.inputs) add(input.name, place_ + ".inputs");
    for (const StateSpec& state : manifest.states) add(state.input, place_ + ".state");
  }

  void check(std::span<const PieceSpec> pieces, const std::string& place) {
    for (size_t i = 0; i < pieces.size(); ++i) {
      const std::string here = place + "[" + std::to_string(i) + "]";
      read(reads_of(pieces[i]), here);
      if (const auto* control = std::get_if<ControlSpec>(&pieces[i])) {
        for (const BranchSpec& branch : control->branches) {
          for (const auto& parameter : branch.inputs) {
            if (parameter) add(*parameter, here);
          }
          check(branch.pieces, here + ".branches.stages");
          read(branch.outputs, here);
        }
      }
      for (const std::string& name : writes_of(pieces[i])) add(name, here);
    }
  }

  void check_results(const Manifest& manifest) const {
    for (const StateSpec& state : manifest.states) read({state.output}, place_ + ".state");
    for (const Result& result : manifest.results) {
      if (!result.spec) continue;
      const std::string& name = result.spec->name;
      if (!known_.contains(name)) {
        throw ModelError(place_ + ".outputs names '" + printable(name) + "', which nothing makes");
      }
      if (result.into && !is_input(manifest, *result.into)) {
        throw ModelError(place_ + ".outputs writes into '" + printable(*result.into) +
                         "', which is no input");
      }
      const Value* constant = manifest.constant(name);
      if (result.number != Result::Number::kNone &&
          (constant == nullptr || !constant->shape.empty() ||
           !element_of(constant->dtype).holds_data())) {
        throw ModelError(place_ + ".outputs: the number '" + printable(name) +
                         "' is no scalar constant");
      }
    }
  }

 private:
  static bool is_input(const Manifest& manifest, const std::string& name) {
    for (const TensorSpec& input : manifest.inputs) {
      if (input.name == name) return true;
    }
    return false;
  }

  void add(const std::string& name, const std::string& place) {
    if (known_.size() >= limits::kValues) {
      throw ModelError(place + ": there are more than " + std::to_string(limits::kValues) +
                       " values");
    }
    if (!known_.insert(name).second) {
      throw ModelError(place + " makes the value '" + printable(name) +
                       "', which there is already");
    }
  }

  void read(const std::vector<std::string>& names, const std::string& place) const {
    for (const std::string& name : names) {
      if (!known_.contains(name)) {
        throw ModelError(place + " reads '" + printable(name) + "', which nothing makes");
      }
    }
  }

  std::string place_;
  std::unordered_set<std::string> known_;
};

}  // namespace

void check_names(const Manifest& manifest, const std::string& place) {
  if (manifest.variants.empty()) {
    Names names(manifest, place);
    names.check(manifest.pieces, place + ".stages");
    names.check_results(manifest);
  }
  if (manifest.cpu) {
    const PieceSpec whole = *manifest.cpu;
    Names names(manifest, place);
    names.check({&whole, 1}, place + ".stages");
    names.check_results(manifest);
  }
}

}  // namespace nnapi::session
