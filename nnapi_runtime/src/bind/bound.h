// A session whose arguments and results stay in one place, as Python sees it.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <mutex>
#include <vector>

#include "loader/bound_run.h"
#include "session/session.h"

namespace nnapi::bind {

class Bound {
 public:
  // Throws ArgumentError where the model is more than one NNAPI piece from its arguments to its
  // results, or has borders of unknown size, or whose dtype only a session converts.
  explicit Bound(std::shared_ptr<session::Session> session);
  Bound(Bound&& other) noexcept;

  void operator()();
  nanobind::tuple inputs() const { return inputs_; }
  nanobind::tuple outputs() const { return outputs_; }

 private:
  std::shared_ptr<session::Session> session_;
  const session::NnapiPiece* piece_;
  nanobind::tuple inputs_, outputs_;
  std::mutex mutex_;
  std::unique_ptr<loader::BoundRun> run_;
};

void bind_bound(nanobind::module_& module);

}  // namespace nnapi::bind
