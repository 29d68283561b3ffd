// session::Session as Python sees it.
#pragma once

#include <nanobind/nanobind.h>

namespace nnapi::bind {

void bind_session(nanobind::module_& module);

}  // namespace nnapi::bind
