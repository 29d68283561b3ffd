// A model of which two libraries run parts: what one refuses, the other takes.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loader/executor.h"
#include "loader/extract_operations.h"
#include "session/manifest/pieces.h"

namespace nnapi::session {

class CutModel {
 public:
  // `models` as read_words gives them; `target` refuses the whole. Asks it for each operation
  // alone, and for the parts that this leaves; the rest is for `host`. Throws loader::Error where
  // that refuses a part, too. `options_of` is given a text that tells the parts' compilations
  // apart, and for which of the two it is.
  CutModel(std::span<const loader::Model> models, std::shared_ptr<const loader::Library> target,
           std::shared_ptr<const loader::Library> host,
           const std::function<loader::Options(const std::string&, LibraryRole)>& options_of);

  std::span<const loader::Border> inputs() const { return inputs_; }
  std::span<const loader::Border> outputs() const { return outputs_; }
  std::span<const int32_t> operations() const { return codes_; }

  // As loader::Executor's.
  std::vector<std::vector<uint32_t>> run(std::span<const loader::ConstArray> inputs,
                                         const loader::Executor::Allocate& allocate) const;

  // Of operation `i` of the model: the library that runs it, and why that is not the first.
  const std::string& library(size_t i) const { return *libraries_[i]; }
  const std::string& reason(size_t i) const { return reasons_[i]; }

 private:
  struct Part {
    std::unique_ptr<loader::ModelPart> model;
    std::unique_ptr<loader::Executor> executor;
    std::vector<size_t> inputs, outputs;  // places of operands
  };

  void ask_each_alone(std::span<const loader::Model> models, const loader::Library& target,
                      std::span<const std::string> wanted);
  void cut(std::span<const loader::Model> models);

  std::vector<loader::Border> inputs_, outputs_;
  std::vector<int32_t> codes_;
  std::vector<std::string> reasons_;  // empty: the target takes the operation
  std::vector<const std::string*> libraries_;
  std::vector<Part> parts_;
  size_t places_ = 0;
  std::vector<size_t> input_places_, output_places_;
};

}  // namespace nnapi::session
