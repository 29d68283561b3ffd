// A JSON document read with suspicion: an access says what it expects, an error where it stood.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/document.h"

namespace nnapi::json {

// A value and its place in the document, which must outlive it. All throw Error.
class Field {
 public:
  Field(const Document& document, const Json& value, std::string place)
      : document_(&document), value_(&value), place_(std::move(place)) {}

  const std::string& place() const { return place_; }
  const Document& document() const { return *document_; }
  const Json& value() const { return *value_; }

  // The error to throw for a value that is not what it should be.
  Error refuse(const std::string& expected) const;

  // A key of an object; it must be there.
  Field operator[](std::string_view key) const;
  std::optional<Field> find(std::string_view key) const;
  // Keys and values of an object; the items of a list, of which there may be `limit`.
  std::vector<std::pair<std::string, Field>> members(size_t limit = SIZE_MAX) const;
  std::vector<Field> items(size_t limit = SIZE_MAX) const;

  bool is_null() const { return value_->kind == JsonKind::kNull; }
  bool is_list() const { return value_->kind == JsonKind::kList; }
  bool is_text() const { return value_->kind == JsonKind::kText; }

  void expect_object() const { expect(JsonKind::kObject, "an object"); }
  std::string text() const { return std::string(view()); }
  std::string_view view() const;  // the text, as long as the document lives
  bool flag() const;
  int64_t integer(int64_t low, int64_t high) const;  // of [low, high]
  std::optional<int64_t> integer_or_null(int64_t low, int64_t high) const;
  double number() const;
  std::vector<std::string> strings(size_t limit = SIZE_MAX) const;

 private:
  void expect(JsonKind kind, const char* expected) const;

  const Document* document_;
  const Json* value_;
  std::string place_;
};

}  // namespace nnapi::json
