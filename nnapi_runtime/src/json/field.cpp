#include "json/field.h"

#include <cmath>

namespace nnapi::json {

Error Field::refuse(const std::string& expected) const {
  return Error(printable(place_) + " is " + document_->shown(*value_, 60) + ", not " + expected);
}

void Field::expect(JsonKind kind, const char* expected) const {
  if (value_->kind != kind) throw refuse(expected);
}

std::optional<Field> Field::find(std::string_view key) const {
  expect_object();
  const auto members = document_->members(*value_);
  for (size_t i = 0; i < members.size(); i += 2) {
    if (document_->text(members[i]) == key) {
      return Field(*document_, members[i + 1], place_ + "." + std::string(key));
    }
  }
  return {};
}

Field Field::operator[](std::string_view key) const {
  auto found = find(key);
  if (!found) throw Error(printable(place_) + " lacks '" + std::string(key) + "'");
  return *std::move(found);
}

std::vector<std::pair<std::string, Field>> Field::members(size_t limit) const {
  expect_object();
  if (value_->size > limit) throw refuse("an object of at most " + std::to_string(limit) + " keys");
  std::vector<std::pair<std::string, Field>> result;
  const auto members = document_->members(*value_);
  result.reserve(value_->size);
  for (size_t i = 0; i < members.size(); i += 2) {
    std::string key(document_->text(members[i]));
    Field field(*document_, members[i + 1], place_ + "." + key);
    result.emplace_back(std::move(key), std::move(field));
  }
  return result;
}

std::vector<Field> Field::items(size_t limit) const {
  expect(JsonKind::kList, "a list");
  if (value_->size > limit) throw refuse("a list of at most " + std::to_string(limit));
  std::vector<Field> result;
  result.reserve(value_->size);
  for (const Json& item : document_->items(*value_)) {
    result.emplace_back(*document_, item, place_ + "[" + std::to_string(result.size()) + "]");
  }
  return result;
}

std::string_view Field::view() const {
  expect(JsonKind::kText, "a text");
  return document_->text(*value_);
}

bool Field::flag() const {
  expect(JsonKind::kFlag, "true or false");
  return value_->flag;
}

int64_t Field::integer(int64_t low, int64_t high) const {
  if (value_->kind != JsonKind::kInteger || value_->integer < low || value_->integer > high) {
    throw refuse("an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value_->integer;
}

std::optional<int64_t> Field::integer_or_null(int64_t low, int64_t high) const {
  if (is_null()) return {};
  return integer(low, high);
}

double Field::number() const {
  if (value_->kind == JsonKind::kInteger && value_->integer > -(int64_t{1} << 53) &&
      value_->integer < int64_t{1} << 53) {
    return static_cast<double>(value_->integer);
  }
  if (value_->kind != JsonKind::kNumber || !std::isfinite(value_->number)) throw refuse("a number");
  return value_->number;
}

std::vector<std::string> Field::strings(size_t limit) const {
  std::vector<std::string> texts;
  for (const Field& item : items(limit)) texts.push_back(item.text());
  return texts;
}

}  // namespace nnapi::json
