// nnapi-check-driver: tries a driver with the models of a .nnapi file, in this process, which it
// may crash. What it finds is a line for each model (session/driver_check/verdict.h); before it
// tries a model, or an operation, it says so, for whoever finds it dead.
//
//     nnapi-check-driver --library PATH --host-library PATH [--device NAME]... [--by-operation]
//                        FILE [MODEL...]
//
// Exit codes: 0 told of all models; 1 the file or a library cannot be opened; 2 wrong usage.
#include <cstdio>
#include <string>
#include <vector>

#include "loader/error.h"
#include "session/driver_check/compare_libraries.h"
#include "session/file/artifact.h"
#include "session/pieces/nnapi_piece.h"

namespace {

using namespace nnapi;
using session::Verdict;

struct Wishes {
  std::string library, host_library, file;
  std::vector<std::string> devices, models;
  bool by_operation = false;
};

bool parse(int count, char** words, Wishes& wishes) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--by-operation") {
      wishes.by_operation = true;
    } else if (word == "--library" || word == "--host-library" || word == "--device") {
      if (++i == count) return false;
      if (word == "--library") wishes.library = words[i];
      if (word == "--host-library") wishes.host_library = words[i];
      if (word == "--device") wishes.devices.emplace_back(words[i]);
    } else if (wishes.file.empty()) {
      wishes.file = word;
    } else {
      wishes.models.push_back(word);
    }
  }
  return !wishes.library.empty() && !wishes.host_library.empty() && !wishes.file.empty();
}

void tell(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

Verdict checked(const std::string& name, std::span<const std::byte> words,
                const session::Weights& weights, const session::ComparedLibraries& libraries,
                bool by_operation) {
  std::vector<loader::Model> models;
  try {
    models = loader::read_words(words, weights);
  } catch (const loader::Error& error) {
    return {Verdict::Kind::kUnchecked, {}, error.text};
  }
  if (!by_operation) return compare_libraries(models, libraries);
  return compare_operations(models, libraries, [&](uint32_t operation) {
    tell("begin\t" + name + '\t' + std::to_string(operation));
  });
}

int run(const Wishes& wishes) {
  const auto artifact =
      session::Artifact::read_named(session::Bytes::map(wishes.file), wishes.file);
  session::Weights weights;
  for (const session::StoredTensor& weight : artifact->weights) weights.push_back(weight.bytes);
  session::ComparedLibraries libraries{
      loader::Library::open(wishes.library), loader::Library::open(wishes.host_library), {}, {}};
  libraries.target_options.relaxed = artifact->manifest.relaxed;
  libraries.target_options.devices = wishes.devices;
  if (wishes.library == wishes.host_library) {
    libraries.host_options.devices = {session::kHostDevice};
  }
  std::vector<std::string> names = wishes.models;
  if (names.empty()) {
    for (const auto& [name, words] : artifact->models) names.push_back(name);
  }
  for (const std::string& name : names) {
    const auto words = artifact->models.find(name);
    if (words == artifact->models.end()) continue;
    tell("begin\t" + name);
    tell(checked(name, words->second, weights, libraries, wishes.by_operation).line(name));
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  Wishes wishes;
  if (!parse(count, words, wishes)) {
    std::fputs(
        "usage: nnapi-check-driver --library PATH --host-library PATH [--device NAME]... "
        "[--by-operation] FILE [MODEL...]\n",
        stderr);
    return 2;
  }
  try {
    return run(wishes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nnapi-check-driver: %s\n", error.what());
    return 1;
  }
}
