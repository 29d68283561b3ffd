// loader::Executor and loader::BoundRun as Python sees them: arrays come and go without being
// copied, and the GIL is released while the library works.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/gil.h"
#include "loader/bound_run.h"
#include "loader/error.h"

namespace nnapi::bind {

namespace nb = nanobind;
using loader::ArgumentError;
using loader::Border;
using loader::ConstArray;
using Dims = std::vector<std::vector<uint32_t>>;

// A directory, and a token of 32 bytes.
using Cache = std::pair<std::filesystem::path, nb::bytes>;

inline void set_cache(const Cache& cache, loader::Options& options) {
  if (cache.second.size() != options.cache_token.size()) {
    throw ArgumentError("a cache token has " + std::to_string(options.cache_token.size()) +
                        " bytes, not " + std::to_string(cache.second.size()));
  }
  options.cache_directory = cache.first.string();
  std::memcpy(options.cache_token.data(), cache.second.c_str(), options.cache_token.size());
}

class Executor {
 public:
  Executor(nb::handle words, nb::sequence buffers,
           const std::optional<std::filesystem::path>& library, bool relaxed, uint32_t num_threads,
           uint64_t loop_timeout, int32_t preference, const std::optional<Cache>& cache)
      : words_(words, "model words") {
    std::vector<std::span<const std::byte>> weights;
    for (nb::handle buffer : buffers) {
      weights_.emplace_back(buffer, numbered("weight", weights_.size()).c_str());
      weights.push_back(weights_.back().bytes());
    }
    std::span<const std::byte> bytes = words_.bytes();
    if (reinterpret_cast<uintptr_t>(bytes.data()) % 4 != 0) {
      aligned_words_.assign(bytes.begin(), bytes.end());
      bytes = aligned_words_;
    }
    const std::string path = library ? library->string() : loader::Library::default_path();
    loader::Options options;
    options.relaxed = relaxed;
    options.preference = preference;
    options.num_threads = num_threads;
    options.loop_timeout = loop_timeout;
    if (cache) set_cache(*cache, options);
    const GilReleased unlocked;
    executor_.emplace(loader::Library::open(path), bytes, weights, options);
  }

  nb::list run(nb::sequence inputs, const std::optional<nb::sequence>& outputs) {
    const Arguments arguments(inputs);
    std::vector<Buffer> given;
    if (outputs) given = given_outputs(*outputs);
    std::vector<Memory> memory = no_memory();
    Dims dims;
    {
      const GilReleased unlocked;
      dims = executor_->run(arguments.arrays, [&](size_t i, size_t bytes) {
        if (outputs) return given[i].data();
        memory[i] = allocate(i, bytes);
        return memory[i].get();
      });
    }
    nb::list results;
    for (size_t i = 0; i < dims.size(); ++i) {
      results.append(outputs ? nb::object((*outputs)[i])
                             : to_numpy(std::move(memory[i]), border(i).element, dims[i]));
    }
    return results;
  }

  std::vector<uint64_t> profile(nb::sequence inputs) {
    const Arguments arguments(inputs);
    std::vector<Memory> memory = no_memory();
    const GilReleased unlocked;
    return executor_->profile(arguments.arrays, [&](size_t i, size_t bytes) {
      memory[i] = allocate(i, bytes);
      return memory[i].get();
    });
  }

  const loader::Executor& loaded() const { return *executor_; }

  // Inputs of one run, held while it lasts.
  struct Arguments {
    explicit Arguments(nb::sequence inputs) {
      for (nb::handle input : inputs) {
        const size_t i = arrays.size();
        if (input.is_none()) {
          arrays.emplace_back();
        } else {
          held.emplace_back(input, numbered("input", i).c_str());
          arrays.push_back(array_of(held.back(), i));
        }
      }
    }
    std::vector<Buffer> held;
    std::vector<ConstArray> arrays;
  };

  std::vector<Buffer> given_outputs(nb::sequence outputs) const {
    std::vector<Buffer> given;
    if (nb::len(outputs) != executor_->outputs().size()) {
      throw ArgumentError("the model has " + std::to_string(executor_->outputs().size()) +
                          " outputs, not " + std::to_string(nb::len(outputs)));
    }
    for (nb::handle output : outputs) {
      const size_t i = given.size();
      const std::string which = numbered("output", i);
      if (!border(i).known()) {
        throw ArgumentError(which + " has no fixed shape, so it cannot be written into an array");
      }
      given.emplace_back(output, which.c_str(), true);
      if (!given[i].element().same_data(border(i).element) ||
          !std::equal(given[i].shape().begin(), given[i].shape().end(), border(i).dims.begin(),
                      border(i).dims.end())) {
        throw ArgumentError(which + " must be an array of " + dtype_name(border(i).element) + " " +
                            nb::str(shape_of(border(i))).c_str());
      }
    }
    return given;
  }

  std::vector<Border> inputs() const {
    return {executor_->inputs().begin(), executor_->inputs().end()};
  }
  std::vector<Border> outputs() const {
    return {executor_->outputs().begin(), executor_->outputs().end()};
  }
  std::vector<int32_t> operations() const {
    return {executor_->operations().begin(), executor_->operations().end()};
  }
  std::filesystem::path library() const { return executor_->library().path(); }

 private:
  const Border& border(size_t i) const { return executor_->outputs()[i]; }

  std::vector<Memory> no_memory() const {
    std::vector<Memory> memory;
    for (size_t i = 0; i < executor_->outputs().size(); ++i)
      memory.emplace_back(nullptr, std::free);
    return memory;
  }

  Buffer words_;
  std::vector<std::byte> aligned_words_;
  std::vector<Buffer> weights_;
  std::optional<loader::Executor> executor_;
};

// Arrays that stay bound to an executor, and the executor itself, which Python keeps alive.
class BoundRun {
 public:
  BoundRun(const Executor& executor, nb::sequence inputs, nb::sequence outputs)
      : arguments_(inputs), outputs_(executor.given_outputs(outputs)) {
    std::vector<void*> places;
    for (const Buffer& output : outputs_) places.push_back(output.data());
    run_.emplace(executor.loaded(), arguments_.arrays, places);
  }

  void operator()() {
    const GilReleased unlocked;
    const std::lock_guard alone(mutex_);
    run_->compute();
  }

 private:
  Executor::Arguments arguments_;
  std::vector<Buffer> outputs_;
  std::mutex mutex_;
  std::optional<loader::BoundRun> run_;
};

}  // namespace nnapi::bind
