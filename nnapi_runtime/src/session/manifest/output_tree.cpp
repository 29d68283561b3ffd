#include "session/manifest/output_tree.h"

#include <algorithm>

#include "session/limits.h"

namespace nnapi::session {
namespace {

OutputTree read(const Field& field, size_t depth) {
  const auto items = field.items();
  const std::string_view kind = items.empty() ? std::string_view() : items[0].view();
  OutputTree tree;
  size_t length = 0;
  if (kind == "leaf" || kind == "none") {
    tree.kind = kind == "leaf" ? OutputTree::Kind::kLeaf : OutputTree::Kind::kNone;
    length = 1;
  } else if (kind == "tuple" || kind == "list") {
    tree.kind = kind == "tuple" ? OutputTree::Kind::kTuple : OutputTree::Kind::kList;
    length = 2;
  } else if (kind == "dict") {
    tree.kind = OutputTree::Kind::kDict;
    length = 3;
  } else if (kind == "named") {
    tree.kind = OutputTree::Kind::kNamed;
    length = 4;
  }
  if (length == 0 || length != items.size() || depth == 0) {
    throw field.refuse(
        "[\"leaf\"], [\"none\"], [\"tuple\", …], [\"list\", …], [\"dict\", keys, …] or "
        "[\"named\", name, keys, …]" +
        (depth == 0
             ? ", at most " + std::to_string(limits::kOutputTreeDepth) + " inside of each other"
             : std::string()));
  }
  if (length == 1) return tree;
  for (const Field& item : items.back().items(limits::kResults)) {
    tree.children.push_back(read(item, depth - 1));
  }
  if (length == 2) return tree;
  const bool is_named = tree.kind == OutputTree::Kind::kNamed;
  if (is_named) tree.name = items[1].text();
  const Field& keys = items[length - 2];
  for (const Field& key : keys.items(limits::kResults)) {
    if (is_named || key.is_text()) {
      tree.keys.emplace_back(key.text());
    } else {
      tree.keys.emplace_back(key.integer(INT64_MIN, INT64_MAX));
    }
  }
  std::vector<OutputTree::Key> sorted = tree.keys;
  std::sort(sorted.begin(), sorted.end());
  const bool distinct = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  if (!distinct || tree.keys.size() != tree.children.size()) {
    throw keys.refuse(std::to_string(tree.children.size()) + " different keys");
  }
  return tree;
}

}  // namespace

OutputTree OutputTree::parse(const Field& field, size_t leaves) {
  OutputTree tree = read(field, limits::kOutputTreeDepth);
  if (tree.count() != leaves) throw field.refuse("a tree of " + std::to_string(leaves) + " leaves");
  return tree;
}

size_t OutputTree::count() const {
  if (kind == Kind::kLeaf) return 1;
  size_t leaves = 0;
  for (const OutputTree& child : children) leaves += child.count();
  return leaves;
}

}  // namespace nnapi::session
