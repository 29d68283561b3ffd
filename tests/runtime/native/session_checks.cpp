// Sessions in C++ as apps use them: session_checks FOLDER [LIBRARY]. FOLDER has mlp.nnapi and
// others of tests/data/nnapi. With LIBRARY, which refuses TANH: says where the operations of
// mixed.nnapi run.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "torch_nnapi.hpp"

namespace {

using torch_nnapi::Error;
using torch_nnapi::Results;
using torch_nnapi::Session;
using torch_nnapi::tensor;

#define EXPECT(condition)                                                  \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

std::vector<char> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT(*error.what() != '\0');
    return error;
  }
  std::fprintf(stderr, "nothing was thrown\n");
  std::exit(1);
}

std::vector<float> numbers(size_t count, unsigned seed) {
  std::vector<float> made(count);
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    made[i] = static_cast<float>(seed >> 8) / (1 << 23) - 1.0f;
  }
  return made;
}

std::vector<float> run_mlp(Session& session, const std::vector<float>& x) {
  const Results results = session({tensor(x.data(), {2, 16})});
  EXPECT(results.size() == 1 && results[0] != nullptr && results[1] == nullptr);
  const float* y = results.data<float>(0);
  return {y, y + 8};
}

// By path, descriptor (at an offset, too) and memory (that is not aligned, too): the same results.
void doors(const std::string& folder) {
  const std::string path = folder + "/mlp.nnapi";
  const std::vector<float> x = numbers(32, 1);
  Session by_path = Session::load(path);
  const std::vector<float> expected = run_mlp(by_path, x);
  const std::vector<char> file = bytes_of(path);
  for (const size_t offset : {size_t{0}, size_t{4}, size_t{4097}, size_t{8192}}) {
    char name[] = "/tmp/torch_nnapi_XXXXXX";
    const int descriptor = mkstemp(name);
    unlink(name);
    std::vector<char> packed(offset, 'x');
    packed.insert(packed.end(), file.begin(), file.end());
    packed.insert(packed.end(), 100, 'y');
    EXPECT(write(descriptor, packed.data(), packed.size()) == static_cast<ssize_t>(packed.size()));
    Session session =
        Session::load(descriptor, static_cast<int64_t>(offset), static_cast<int64_t>(file.size()));
    close(descriptor);
    EXPECT(run_mlp(session, x) == expected);
    Session in_memory = Session::load(packed.data() + offset, file.size());
    EXPECT(run_mlp(in_memory, x) == expected);
  }
  int released = 0;
  torch_nnapi_session* handle = nullptr;
  const auto release = [](void* context) { ++*static_cast<int*>(context); };
  EXPECT(torch_nnapi_load_memory(file.data(), file.size(), release, &released, nullptr, &handle) ==
         TORCH_NNAPI_OK);
  torch_nnapi_session_free(handle);
  EXPECT(released == 1);
  EXPECT(torch_nnapi_load_memory(file.data(), 9, release, &released, nullptr, &handle) ==
         TORCH_NNAPI_BAD_MODEL);
  EXPECT(released == 2 && handle == nullptr);
}

// Eight threads on one session, each with numbers of its own; bound and unbound.
void threads(const std::string& folder) {
  Session session = Session::load(folder + "/mlp.nnapi");
  Session variants = Session::load(folder + "/variants.nnapi");
  Session patched = Session::load(folder + "/patched.nnapi");
  std::vector<std::thread> workers;
  for (unsigned number = 0; number < 8; ++number) {
    workers.emplace_back([&, number] {
      const std::vector<float> x = numbers(32, number);
      std::vector<float> y(8);
      const std::vector<float> expected = run_mlp(session, x);
      torch_nnapi::Binding binding =
          session.bind({tensor(x.data(), {2, 16})}, {tensor(y.data(), {2, 4})});
      EXPECT(binding.is_direct());
      for (int round = 0; round < 50; ++round) {
        EXPECT(run_mlp(session, x) == expected);
        binding.run();
        EXPECT(y == expected);
        const std::vector<float> rows = numbers(6 * 8, number);
        const int64_t count = number % 2 == 0 ? 4 : 8;
        EXPECT((*variants({tensor(rows.data(), {count, 6})})[0]).shape[0] == count);
        const int64_t free = 2 + (number + round) % 5;
        EXPECT((*patched({tensor(rows.data(), {free, 6})})[0]).shape[0] == 2 * free);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
}

// A session that is freed while others run it ends when they do; cancelled runs end with an error.
void closing(const std::string& folder) {
  for (int round = 0; round < 20; ++round) {
    torch_nnapi_session* session = nullptr;
    EXPECT(torch_nnapi_load_path((folder + "/conv.nnapi").c_str(), nullptr, &session) ==
           TORCH_NNAPI_OK);
    const std::vector<float> x = numbers(3 * 16 * 16, 3);
    std::vector<float> scores(5);
    torch_nnapi_tensor outputs[] = {tensor(scores.data(), {1, 5}), {}};
    outputs[1].size = sizeof outputs[1];
    const torch_nnapi_tensor input = tensor(x.data(), {1, 3, 16, 16});
    torch_nnapi_binding* binding = nullptr;
    EXPECT(torch_nnapi_bind(session, &input, 1, outputs, 2, &binding) == TORCH_NNAPI_OK);
    std::atomic<int> runs = 0;
    std::thread worker([&] {
      for (; runs < 20; ++runs) EXPECT(torch_nnapi_binding_run(binding) == TORCH_NNAPI_OK);
    });
    while (runs == 0) std::this_thread::yield();
    torch_nnapi_session_free(session);
    worker.join();
    torch_nnapi_binding_free(binding);
  }
  Session session = Session::load(folder + "/mlp.nnapi");
  session.cancel();
  const std::vector<float> x = numbers(32, 1);
  EXPECT(error_of([&] { run_mlp(session, x); }).status == TORCH_NNAPI_CALL_FAILED);
  session.cancel(false);
  EXPECT(run_mlp(session, x).size() == 8);
}

void wrong_arguments(const std::string& folder) {
  Session session = Session::load(folder + "/mlp.nnapi");
  const std::vector<float> x = numbers(64, 1);
  std::vector<torch_nnapi_tensor> wrong = {tensor(x.data(), {2, 15}), tensor(x.data(), {16}),
                                           tensor(TORCH_NNAPI_INT32, x.data(), {2, 16}),
                                           tensor(x.data(), {2, -16}),
                                           tensor(static_cast<const float*>(nullptr), {2, 16})};
  wrong.push_back(tensor(x.data(), {2, 16}));
  wrong.back().bytes = 127;
  wrong.push_back(tensor(x.data(), {2, 16}));
  wrong.back().rank = 9;
  wrong.push_back(tensor(x.data(), {2, 16}));
  wrong.back().dtype = static_cast<torch_nnapi_dtype>(99);
  wrong.push_back(tensor(x.data(), {2, 16}));
  wrong.back().strides[0] = INT64_MAX;
  wrong.push_back(tensor(x.data(), {2, 16}));
  wrong.back().size = 0;
  for (const torch_nnapi_tensor& one : wrong) {
    EXPECT(error_of([&] { session({one}); }).status == TORCH_NNAPI_BAD_ARGUMENT);
  }
  EXPECT(error_of([&] { session({}); }).status == TORCH_NNAPI_BAD_ARGUMENT);
  // Columns first: strides are understood, and results may have them.
  const std::vector<float> expected = run_mlp(session, {x.begin(), x.begin() + 32});
  std::vector<float> columns(32), results(8);
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 16; ++column) columns[column * 2 + row] = x[row * 16 + column];
  }
  torch_nnapi_tensor input = tensor(columns.data(), {2, 16});
  input.strides[0] = 1;
  input.strides[1] = 2;
  torch_nnapi_tensor output = tensor(results.data(), {2, 4});
  output.strides[0] = 1;
  output.strides[1] = 2;
  std::vector<torch_nnapi_tensor> outputs = {output};
  session.run_into({input}, outputs);
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 4; ++column) {
      EXPECT(results[column * 2 + row] == expected[row * 4 + column]);
    }
  }
  outputs[0].bytes = 31;
  EXPECT(error_of([&] { session.run_into({input}, outputs); }).status == TORCH_NNAPI_BAD_ARGUMENT);
  torch_nnapi_options options = torch_nnapi::options();
  options.num_threads = -1;
  EXPECT(error_of([&] { Session::load(folder + "/mlp.nnapi", options); }).status ==
         TORCH_NNAPI_BAD_ARGUMENT);
  options = torch_nnapi::options();
  options.library = "/no_such.so";
  options.fallback = TORCH_NNAPI_FALLBACK_NONE;
  EXPECT(error_of([&] { Session::load(folder + "/mlp.nnapi", options); }).status ==
         TORCH_NNAPI_NO_LIBRARY);
  options.fallback = TORCH_NNAPI_FALLBACK_HOST;
  Session elsewhere = Session::load(folder + "/mlp.nnapi", options);
  EXPECT(run_mlp(elsewhere, {x.begin(), x.begin() + 32}) == expected);
  EXPECT(elsewhere.why_fallback().find("no_such.so") != std::string::npos);
  EXPECT(torch_nnapi_run(nullptr, nullptr, 0, nullptr) == TORCH_NNAPI_BAD_ARGUMENT);
  torch_nnapi_session_free(nullptr);
  torch_nnapi_results_free(nullptr);
}

// Every truncation of a file, and of one with free sizes: one clear error each.
void damage(const std::string& folder) {
  for (const char* name : {"/mlp.nnapi", "/patched.nnapi"}) {
    const std::vector<char> whole = bytes_of(folder + name);
    for (size_t length = 0; length < whole.size(); ++length) {
      // In memory of its own, so that a reader beyond its end is found.
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      EXPECT(error_of([&] { Session::load(cut.data(), cut.size()); }).status != TORCH_NNAPI_OK);
    }
    for (size_t i = 0; i < whole.size(); i += 7) {
      std::vector<char> flipped = whole;
      flipped[i] ^= static_cast<char>(1 << i % 8);
      try {
        Session::load(flipped.data(), flipped.size());
      } catch (const Error&) {
      }
    }
  }
}

// Half on a library that refuses an operation, half on ours.
void two_libraries(const std::string& folder, const char* library) {
  torch_nnapi_options options = torch_nnapi::options();
  Session ours = Session::load(folder + "/mixed.nnapi", options);
  options.library = library;
  Session both = Session::load(folder + "/mixed.nnapi", options);
  const torch_nnapi_tensor_info info = both.inputs().front();
  const std::vector<int64_t> shape(info.example, info.example + info.rank);
  size_t count = 1;
  for (const int64_t dim : shape) count *= static_cast<size_t>(dim);
  const std::vector<float> x = numbers(count, 7);
  const Results here = ours({tensor(x.data(), shape)}), there = both({tensor(x.data(), shape)});
  EXPECT(here.size() == there.size());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT(here[i]->bytes == there[i]->bytes);
    const auto* first = static_cast<const char*>(here[i]->data);
    EXPECT(std::equal(first, first + here[i]->bytes, static_cast<const char*>(there[i]->data)));
  }
  EXPECT(ours.why_fallback().empty());
  const torch_nnapi::Operations placed = both.placement();
  for (size_t i = 0; i < placed.size(); ++i) {
    std::printf("%d|%s|%s|%s|%s\n", placed[i].code, placed[i].node, placed[i].source,
                placed[i].library, placed[i].reason);
  }
  options.fallback = TORCH_NNAPI_FALLBACK_NONE;
  const Error error = error_of([&] { Session::load(folder + "/mixed.nnapi", options); });
  std::printf("%s|%s\n", error.node.c_str(), error.source.c_str());
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3) {
    two_libraries(arguments[1], arguments[2]);
    return 0;
  }
  doors(arguments[1]);
  threads(arguments[1]);
  closing(arguments[1]);
  wrong_arguments(arguments[1]);
  damage(arguments[1]);
  return 0;
}
