// Random models in eight threads with caching on. Each thread builds the model that the bytes
// choose, compiles it with a cache that all share, and runs it; and all run one compilation at the
// same time. Every result must have the bits of a thread that was alone and had no cache.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fuzz/random_model.h"
#include "host/base/size_limit.h"

namespace {

using nnapi::fuzz::Bytes;
using nnapi::fuzz::RandomModel;

constexpr int kThreads = 8, kRuns = 2;

// Removed at the end.
const std::string& cache_folder() {
  static const struct Folder {
    Folder() {
      std::string name = std::filesystem::temp_directory_path() / "nnapi-fuzz-XXXXXX";
      if (mkdtemp(name.data()) == nullptr) std::abort();
      path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
  } folder;
  return folder.path;
}

// A model from the bytes, compiled and run; and what came of it.
class Client {
 public:
  Client(const uint8_t* data, size_t size, const std::string* cache)
      : bytes_(data, size), model_(bytes_, 0) {
    if (!model_.finished() ||
        ANeuralNetworksCompilation_create(model_.handle(), &compilation_) != 0)
      return;
    // Few tokens, so that a file is often of another model and is written anew under its readers.
    const std::array<uint8_t, ANEURALNETWORKS_BYTE_SIZE_OF_CACHE_TOKEN> token{
        uint8_t(size == 0 ? 0 : data[size / 2] % 16)};
    if (cache != nullptr)
      ANeuralNetworksCompilation_setCaching(compilation_, cache->c_str(), token.data());
    ready_ = ANeuralNetworksCompilation_finish(compilation_) == ANEURALNETWORKS_NO_ERROR;
    for (int i = 0; ready_ && i < kRuns; ++i) results_.push_back(model_.execute(compilation_));
  }
  ~Client() { ANeuralNetworksCompilation_free(compilation_); }
  Client(const Client&) = delete;

  void run_with(ANeuralNetworksCompilation* compilation) {
    if (ready_) results_.push_back(model_.execute(compilation));
  }
  ANeuralNetworksCompilation* compilation() const { return compilation_; }
  bool ready() const { return ready_; }
  const std::vector<RandomModel::Result>& results() const { return results_; }

 private:
  Bytes bytes_;
  RandomModel model_;
  ANeuralNetworksCompilation* compilation_ = nullptr;
  bool ready_ = false;
  std::vector<RandomModel::Result> results_;
};

// A loop that took too long elsewhere says nothing about this one.
bool may_differ(const RandomModel::Result& result) {
  return result.status == ANEURALNETWORKS_MISSED_DEADLINE_TRANSIENT ||
         result.status == ANEURALNETWORKS_MISSED_DEADLINE_PERSISTENT;
}

void demand_equal(const Client& client, const Client& alone) {
  bool equal = client.ready() == alone.ready();
  for (size_t i = 0; equal && i < alone.results().size(); ++i) {
    const auto &one = client.results()[i], &other = alone.results()[i];
    if (may_differ(one) || may_differ(other)) continue;
    // Of a run that failed, the client may use nothing.
    equal = one.status == other.status && (one.status != 0 || one == other);
  }
  if (equal) return;
  std::fprintf(stderr, "a thread among others computed something else than one alone\n");
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("NNAPI_HOST_LOG", "0", 1);
  // So that the pool takes part, whatever this machine has.
  setenv("NNAPI_NUM_THREADS", "3", 1);
  nnapi::host::set_operand_size_limit(1 << 20);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Client alone(data, size, nullptr);
  if (alone.ready()) alone.run_with(alone.compilation());
  std::array<std::optional<Client>, kThreads> clients;
  std::vector<std::thread> threads;
  for (auto& client : clients)
    threads.emplace_back([&] {
      client.emplace(data, size, &cache_folder());
      if (alone.ready()) client->run_with(alone.compilation());
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& client : clients) demand_equal(*client, alone);
  return 0;
}
