// A .nnapi file, or the parts of one, as Python sees them.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "session/file/artifact.h"

namespace nnapi::bind {

// Of parts in Python's memory, which the artifact keeps: `manifest` is JSON, `models` words by
// name, `weights` the numbered buffers, `programs` the names of torch's. Throws ModelError.
std::shared_ptr<const session::Artifact> artifact_of_parts(const std::string& manifest,
                                                           nanobind::dict models,
                                                           nanobind::sequence weights,
                                                           nanobind::iterable programs,
                                                           const std::string& name);

void bind_artifact(nanobind::module_& module);

}  // namespace nnapi::bind
