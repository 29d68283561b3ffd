// Loading and running .nnapi files while there is no memory: failing_allocations MODEL... For each
// model, the first allocation fails, then the second, and so on until none is left to fail; once
// it alone, and once with all that follow. Each time the call succeeds with the right results, or
// fails with a text; afterwards the same session computes as if nothing had been. Inputs are
// zeros. Prints what is wrong and returns 1, or counts and returns 0.
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "torch_nnapi.h"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

namespace {

std::atomic<long> g_left{-1};  // allocations until the one that fails; below zero: none does
std::atomic<bool> g_all_after{false};

bool fails() {
  if (g_left.load() < 0) return false;
  const long left = g_left.fetch_sub(1) - 1;
  if (left > 0) return false;
  if (g_all_after) g_left = 0;
  return left == 0 || g_all_after;
}

}  // namespace

extern "C" {
void* malloc(size_t bytes) { return fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return fails() ? nullptr : __libc_calloc(count, bytes); }
void* realloc(void* old, size_t bytes) { return fails() ? nullptr : __libc_realloc(old, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
int posix_memalign(void** place, size_t alignment, size_t bytes) {
  void* made = fails() ? nullptr : __libc_memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *place = made;
  return 0;
}
}

namespace {

using Bytes = std::vector<std::vector<char>>;

long g_wrong = 0, g_nameless = 0;

void wrong(const char* path, long at, const char* what) {
  std::fprintf(stderr, "%s, allocation %ld: %s\n", path, at, what);
  ++g_wrong;
}

// While allocations fail. True: it was refused, as it should be, with a text.
bool refused(const char* path, long at, torch_nnapi_status status, bool names_file) {
  if (status == TORCH_NNAPI_OK) return false;
  const torch_nnapi_error* error = torch_nnapi_last_error();
  if (error == nullptr || error->message == nullptr || error->message[0] == '\0')
    wrong(path, at, "an error without a text");
  else if (names_file && std::strstr(error->message, path) == nullptr)
    ++g_nameless;
  return true;
}

struct Given {
  std::vector<torch_nnapi_tensor> tensors;
  Bytes data;
};

Given zeros(const torch_nnapi_session* session) {
  Given given;
  for (size_t i = 0; i < torch_nnapi_input_count(session); ++i) {
    torch_nnapi_tensor_info info;
    info.size = sizeof info;
    if (torch_nnapi_input_info(session, i, &info) != TORCH_NNAPI_OK) std::abort();
    torch_nnapi_tensor tensor{};
    tensor.size = sizeof tensor;
    tensor.dtype = info.dtype;
    tensor.rank = info.rank;
    size_t bytes = torch_nnapi_dtype_size(info.dtype);
    for (int32_t k = 0; k < info.rank; ++k) {
      tensor.shape[k] = info.shape[k] < 0 ? 4 : info.shape[k];
      bytes *= static_cast<size_t>(tensor.shape[k]);
    }
    given.data.emplace_back(bytes);
    tensor.bytes = bytes;
    given.tensors.push_back(tensor);
  }
  for (size_t i = 0; i < given.data.size(); ++i) given.tensors[i].data = given.data[i].data();
  return given;
}

Bytes taken(torch_nnapi_results* results) {
  Bytes bytes;
  for (size_t i = 0; i < torch_nnapi_results_count(results); ++i) {
    const torch_nnapi_tensor* one = torch_nnapi_results_get(results, i);
    const auto* data = one == nullptr ? nullptr : static_cast<const char*>(one->data);
    bytes.emplace_back(data, data == nullptr ? data : data + one->bytes);
  }
  torch_nnapi_results_free(results);
  return bytes;
}

// How many allocations failed.
long load_and_run(const char* path, const torch_nnapi_options& options, bool all_after) {
  torch_nnapi_session* whole = nullptr;
  if (torch_nnapi_load_path(path, &options, &whole) != TORCH_NNAPI_OK) {
    wrong(path, 0, torch_nnapi_last_error()->message);
    return 0;
  }
  Given given = zeros(whole);
  const auto run = [&](torch_nnapi_session* session, torch_nnapi_results** results) {
    return torch_nnapi_run(session, given.tensors.data(), given.tensors.size(), results);
  };
  torch_nnapi_results* results = nullptr;
  if (run(whole, &results) != TORCH_NNAPI_OK) {
    wrong(path, 0, torch_nnapi_last_error()->message);
    return 0;
  }
  const Bytes expected = taken(results);
  g_all_after = all_after;
  long count = 0;
  for (bool struck = true; struck;) {
    ++count;
    torch_nnapi_session* session = nullptr;
    g_left = count;
    torch_nnapi_status status = torch_nnapi_load_path(path, &options, &session);
    bool failed = refused(path, count, status, !all_after);
    const bool in_run = status == TORCH_NNAPI_OK;
    if (in_run) failed = refused(path, count, run(session, &results), false);
    struck = g_left <= 0;
    g_left = -1;
    if (in_run && !failed && taken(results) != expected) wrong(path, count, "other results");
    if (session == nullptr) continue;
    if (run(session, &results) != TORCH_NNAPI_OK)
      wrong(path, count, torch_nnapi_last_error()->message);
    else if (taken(results) != expected)
      wrong(path, count, "other results afterwards");
    torch_nnapi_session_free(session);
  }
  torch_nnapi_session_free(whole);
  // Those that were for the name itself.
  if (std::exchange(g_nameless, 0) > 2) wrong(path, count, "errors that do not name the file");
  return count - 1;
}

}  // namespace

int main(int count, char** arguments) {
  torch_nnapi_options options;
  torch_nnapi_options_init(&options, sizeof options);
  options.num_threads = 1;
  long struck = 0;
  for (int i = 1; i < count; ++i)
    for (const bool all_after : {false, true})
      struck += load_and_run(arguments[i], options, all_after);
  std::printf("%ld allocations failed, %ld wrong\n", struck, g_wrong);
  return g_wrong == 0 ? 0 : 1;
}
