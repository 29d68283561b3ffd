// What a check of a driver found of one model, and how it is written: a line of text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nnapi::session {

struct Verdict {
  enum class Kind : uint8_t {
    kGood,       // it gave our own library's results
    kRefused,    // it does not take the model, which is no fault
    kUnchecked,  // there was nothing to compare with
    kFailed,     // it took the model, and a run ended with an error
    kWrong,      // it gave other results
    kCrashed,    // it ended the process
    kHung,       // it did not answer in time
  };

  Kind kind = Kind::kGood;
  std::optional<uint32_t> operation;  // of the main model, where one is known to be at fault
  std::string text;                   // for people

  bool is_bad() const { return kind >= Kind::kFailed; }
  // Without a line break.
  std::string line(const std::string& model) const;
};

const char* name_of(Verdict::Kind kind);

// By the names of a file's models.
using Verdicts = std::map<std::string, Verdict, std::less<>>;

// Adds what a line of `Verdict::line` says; false where it is none.
bool read_verdict(std::string_view line, Verdicts& verdicts);

}  // namespace nnapi::session
