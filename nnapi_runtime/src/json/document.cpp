#include "json/document.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace nnapi::json {

// Receives what nlohmann's parser reads. A value that is not finished waits on a stack.
class DocumentReader {
 public:
  // Of nlohmann's interface.
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  explicit DocumentReader(Document& document) : document_(document) {}

  bool null() { return add({}); }
  bool boolean(bool value) {
    Json json{JsonKind::kFlag, 0, {}};
    json.flag = value;
    return add(json);
  }
  bool number_integer(number_integer_t value) {
    Json json{JsonKind::kInteger, 0, {}};
    json.integer = value;
    return add(json);
  }
  bool number_unsigned(number_unsigned_t value) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return add_text(JsonKind::kHuge, std::to_string(value));
    }
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) {
    if (text.find_first_of(".eE") == string_t::npos) return add_text(JsonKind::kHuge, text);
    Json json{JsonKind::kNumber, 0, {}};
    json.number = value;
    return add(json);
  }
  bool string(string_t& value) { return add_text(JsonKind::kText, value); }
  bool binary(binary_t&) { return false; }
  bool key(string_t& value) { return string(value); }
  bool start_object(size_t) { return start(); }
  bool start_array(size_t) { return start(); }
  bool end_object() {
    const size_t count = waiting_.size() - starts_.back();
    const auto first = waiting_.end() - static_cast<ptrdiff_t>(count);
    keys_.clear();
    for (auto one = first; one != waiting_.end(); one += 2) keys_.push_back(document_.text(*one));
    std::sort(keys_.begin(), keys_.end());
    if (std::adjacent_find(keys_.begin(), keys_.end()) != keys_.end()) {
      return fail("a key stands twice in one object");
    }
    return end(JsonKind::kObject, count, count / 2);
  }
  bool end_array() {
    const size_t count = waiting_.size() - starts_.back();
    return end(JsonKind::kList, count, count);
  }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) {
    std::string text = error.what();
    // Without nlohmann's "[json.exception.parse_error.101] ".
    if (const size_t bracket = text.find("] "); bracket != std::string::npos) {
      text.erase(0, bracket + 2);
    }
    return fail(printable(text.substr(0, 200)));
  }

  void finish() {
    if (problem.empty()) document_.values_.push_back(waiting_.back());
  }

  std::string problem;

 private:
  bool fail(std::string text) {
    if (problem.empty()) problem = std::move(text);
    return false;
  }
  bool add(const Json& value) {
    if (++count_ > Document::kMaxValues) {
      return fail("it has more than " + std::to_string(Document::kMaxValues) + " values");
    }
    waiting_.push_back(value);
    return true;
  }
  bool add_text(JsonKind kind, const std::string& text) {
    Json json{kind, static_cast<uint32_t>(text.size()), {}};
    json.at = document_.texts_.size();
    document_.texts_ += text;
    return add(json);
  }
  bool start() {
    if (starts_.size() >= Document::kMaxDepth) {
      return fail("nested too deeply: the limit is " + std::to_string(Document::kMaxDepth));
    }
    starts_.push_back(waiting_.size());
    return true;
  }
  bool end(JsonKind kind, size_t count, size_t size) {
    Json json{kind, static_cast<uint32_t>(size), {}};
    json.at = document_.values_.size();
    const auto first = waiting_.end() - static_cast<ptrdiff_t>(count);
    document_.values_.insert(document_.values_.end(), first, waiting_.end());
    waiting_.erase(first, waiting_.end());
    starts_.pop_back();
    return add(json);
  }

  Document& document_;
  std::vector<Json> waiting_;
  std::vector<size_t> starts_;
  std::vector<std::string_view> keys_;
  size_t count_ = 0;
};

Document Document::parse(std::string_view text, const std::string& what) {
  Document document;
  DocumentReader reader(document);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  reader.finish();
  if (!reader.problem.empty()) throw Error(what + " is not JSON: " + reader.problem);
  if (document.root().kind != JsonKind::kObject) {
    throw Error(what + " is not a JSON object");
  }
  return document;
}

std::string number_text(double number) {
  char text[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, number);
    if (std::strtod(text, nullptr) == number) break;
  }
  std::string result = text;
  if (result.find_first_not_of("-0123456789") == std::string::npos) result += ".0";
  return result;
}

namespace {

void show(const Document& document, const Json& value, size_t limit, std::string& out) {
  if (out.size() > limit) return;
  switch (value.kind) {
    case JsonKind::kNull:
      out += "None";
      return;
    case JsonKind::kFlag:
      out += value.flag ? "True" : "False";
      return;
    case JsonKind::kInteger:
      out += std::to_string(value.integer);
      return;
    case JsonKind::kNumber:
      out += number_text(value.number);
      return;
    case JsonKind::kHuge:
      out += document.text(value);
      return;
    case JsonKind::kText:
      out += "'" + printable(document.text(value).substr(0, limit)) + "'";
      return;
    case JsonKind::kList:
    case JsonKind::kObject:
      break;
  }
  const bool list = value.kind == JsonKind::kList;
  const auto parts = list ? document.items(value) : document.members(value);
  out += list ? '[' : '{';
  for (size_t i = 0; i < parts.size() && out.size() <= limit; ++i) {
    if (i != 0) out += !list && i % 2 == 1 ? ": " : ", ";
    show(document, parts[i], limit, out);
  }
  out += list ? ']' : '}';
}

}  // namespace

namespace {

// The bytes of the character at the beginning of a text; 0: there is none.
size_t character_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  const auto next = static_cast<unsigned char>(text[1]);
  const bool beyond = (lead == 0xe0 && next < 0xa0) || (lead == 0xed && next >= 0xa0) ||
                      (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next >= 0x90);
  return beyond ? 0 : length;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t length = character_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", byte);
      shown += code;
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return shown;
}

std::string Document::shown(const Json& value, size_t limit) const {
  std::string text;
  show(*this, value, limit, text);
  if (text.size() <= limit) return text;
  // Not half a character at the end.
  size_t end = limit - 3;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace nnapi::json
