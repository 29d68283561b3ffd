// One model on two libraries: does the one compute what the other does?
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "loader/executor.h"
#include "session/driver_check/verdict.h"

namespace nnapi::session {

struct ComparedLibraries {
  std::shared_ptr<const loader::Library> target, host;  // the one in question, and our own
  loader::Options target_options, host_options;
};

// Compiles `models` (as read_words gives them) for both libraries and runs each once, on the same
// made-up inputs: floats of [-1, 1], bytes of all values, zeros where a number may be an index.
// Results that differ by more than rounding make it look closer: every operation alone, on our own
// library's values, has to come within a step of a quantised result, or a small share of the
// largest real one. So errors that add up through a deep model condemn nobody.
Verdict compare_libraries(std::span<const loader::Model> models,
                          const ComparedLibraries& libraries);

// Every operation alone, which takes a compilation each. `begun` is told each before it is tried.
Verdict compare_operations(std::span<const loader::Model> models,
                           const ComparedLibraries& libraries,
                           const std::function<void(uint32_t operation)>& begun = {});

}  // namespace nnapi::session
