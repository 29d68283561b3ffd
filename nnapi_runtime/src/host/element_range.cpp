#include "host/element_range.h"

namespace nnapi::host {
namespace {

thread_local const ElementRange* t_range = nullptr;

}  // namespace

const ElementRange* element_range() { return t_range; }

ElementRangeScope::ElementRangeScope(const ElementRange& range) { t_range = &range; }
ElementRangeScope::~ElementRangeScope() { t_range = nullptr; }

}  // namespace nnapi::host
