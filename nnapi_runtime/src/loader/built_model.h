// A finished ANeuralNetworksModel with its submodels, made from model words.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "loader/library.h"
#include "loader/model_words.h"

namespace nnapi::loader {

// Owns a handle and gives it back to the library that it came from.
template <class Handle>
class Owned {
 public:
  Owned() = default;
  Owned(Handle* handle, void (*free)(Handle*)) : handle_(handle, free) {}
  Handle* get() const { return handle_.get(); }

 private:
  std::unique_ptr<Handle, void (*)(Handle*)> handle_{nullptr, nullptr};
};

class BuiltModel {
 public:
  // `models` as read_words gives them; what they point to must outlive this. Throws CallError, or
  // LibraryError if the library is too old for the model.
  BuiltModel(const Library& library, std::span<const Model> models, bool relaxed);
  // Frees a model before those that it refers to.
  ~BuiltModel();

  ANeuralNetworksModel* main() const { return built_.front().get(); }

 private:
  std::vector<Owned<ANeuralNetworksModel>> built_;  // by number
};

}  // namespace nnapi::loader
