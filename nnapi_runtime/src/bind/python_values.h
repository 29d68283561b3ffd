// Values of Python as a session takes them, and a session's as Python has them.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "session/method.h"

namespace nnapi::bind {

// What str() gives, halves of surrogate pairs spelt out: nb::str::c_str is null where there are
// some, and of an attribute that was not taken out as an object.
std::string text_of(nanobind::handle object);

// A Python object in a value.
class PythonObject : public session::Foreign {
 public:
  // The caller keeps `object` as long as there are such values.
  static std::shared_ptr<PythonObject> borrowed(nanobind::handle object);
  static std::shared_ptr<PythonObject> owned(nanobind::object object);
  ~PythonObject() override;

  nanobind::handle object() const { return object_; }

 private:
  PythonObject(nanobind::handle object, bool owned) : object_(object), owned_(owned) {}

  nanobind::handle object_;
  bool owned_;
};

// Reads tensors and arrays, and holds what their memory hangs on. Needs the GIL, at its end too.
class ValueReader {
 public:
  ValueReader() = default;
  ~ValueReader();
  ValueReader(const ValueReader&) = delete;
  ValueReader& operator=(const ValueReader&) = delete;

  // Of a torch tensor or a numpy array; its memory is the caller's. Throws ArgumentError for a
  // dtype that nothing here has; `what` names the value.
  session::Value read(nanobind::handle object, const std::string& what);
  // Has one of them been a tensor?
  bool saw_tensor() const { return saw_tensor_; }

 private:
  session::Value read_array(nanobind::handle array, const std::string& what);
  session::Value read_slowly(nanobind::handle tensor, const std::string& what);

  bool saw_tensor_ = false;
  std::vector<Py_buffer> views_;
  std::vector<nanobind::object> held_;
};

bool is_array(nanobind::handle object);

// A tensor, or an array; of a value that Python gave or made, the very same object where that is of
// the kind asked for.
nanobind::object to_python(const session::Value& value, bool as_tensor);

// The memory of the value, which must have an owner, as an array.
nanobind::object new_array(const session::Value& value);

}  // namespace nnapi::bind
