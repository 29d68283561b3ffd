// What a caller calls by its name: a Method, or one for each of the sizes that it was made for.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "session/method.h"

namespace nnapi::session {

// Threads may run it at once.
class NamedMethod {
 public:
  // Of manifests that outlive it. Compiles all but what sizes choose among in one of them. Throws
  // loader::Error.
  NamedMethod(std::string name, std::vector<const Manifest*> manifests,
              const MethodSetting& setting);

  const std::string& name() const { return name_; }
  // What it takes and gives; the shapes are those of the first.
  const Manifest& manifest() const { return *sizes_.front().manifest; }

  // The one for the arguments' sizes. Throws ArgumentError where there is none.
  Method& chosen(std::span<const Value> arguments);
  std::vector<Placement> placements() const;
  std::optional<std::string> fallback() const;
  // Null where it is more than one NNAPI piece from its arguments to its results.
  const NnapiPiece* only_piece() const;

 private:
  struct Sizes {
    const Manifest* manifest = nullptr;
    std::unique_ptr<Method> method;                 // null where there are variants
    std::vector<std::unique_ptr<Method>> variants;  // made when they are first needed
  };

  Sizes& of_shapes(std::span<const Value> arguments);
  Method& variant(Sizes& sizes, std::span<const Value> arguments);
  std::vector<const Method*> made() const;

  std::string name_;
  MethodSetting setting_;
  std::vector<Sizes> sizes_;
  mutable std::mutex mutex_;  // of the variants
};

}  // namespace nnapi::session
