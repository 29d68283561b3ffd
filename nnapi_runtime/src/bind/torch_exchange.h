// Torch's tensors by their C interface: DLPack's exchange table, which needs no call of Python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "session/tensor/value.h"

namespace nnapi::bind {

// Is torch imported?
bool has_torch();

// Is it a tensor? Whoever has one has imported torch. Needs the GIL, as all of these do.
bool is_tensor(nanobind::handle object);

// A view of a tensor in main memory that is what it says; false for any other: one on a device, a
// quantised or sparse one, or one that torch negates only when it is read.
bool read_tensor(nanobind::handle tensor, session::Value& value);

// A new tensor over the value's memory, which must have an owner.
nanobind::object new_tensor(const session::Value& value);

}  // namespace nnapi::bind
