// The names of a manifest's values.
#pragma once

#include <string>

#include "session/manifest/manifest.h"

namespace nnapi::session {

// Every value is made once, before it is read; results name values, and what they are written into
// are inputs. Throws ModelError, whose text begins with `place`.
void check_names(const Manifest& manifest, const std::string& place);

}  // namespace nnapi::session
