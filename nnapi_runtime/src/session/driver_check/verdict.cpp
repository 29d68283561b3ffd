#include "session/driver_check/verdict.h"

#include <array>
#include <charconv>

namespace nnapi::session {
namespace {

constexpr std::array kNames = {"good",  "refused", "unchecked", "failed",
                               "wrong", "crashed", "hung"};

std::string without_control(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return plain;
}

// Up to the next tab, which is taken away as well.
std::string_view next_field(std::string_view& line) {
  const size_t end = line.find('\t');
  const std::string_view field = line.substr(0, end);
  line = end == std::string_view::npos ? "" : line.substr(end + 1);
  return field;
}

}  // namespace

const char* name_of(Verdict::Kind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string Verdict::line(const std::string& model) const {
  return without_control(model) + '\t' + name_of(kind) + '\t' +
         (operation ? std::to_string(*operation) : "") + '\t' + without_control(text);
}

bool read_verdict(std::string_view line, Verdicts& verdicts) {
  const std::string_view model = next_field(line), kind = next_field(line),
                         operation = next_field(line);
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kind != kNames[i]) continue;
    Verdict verdict{static_cast<Verdict::Kind>(i), {}, std::string(line)};
    uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(operation.data(), operation.data() + operation.size(), number);
    if (error == std::errc() && end == operation.data() + operation.size()) {
      verdict.operation = number;
    } else if (!operation.empty()) {
      return false;
    }
    verdicts.insert_or_assign(std::string(model), std::move(verdict));
    return true;
  }
  return false;
}

}  // namespace nnapi::session
