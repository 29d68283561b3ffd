#include "host/base/kernel_choice.h"

#include <cstdlib>
#include <cstring>

namespace nnapi::host {

bool use_fast_kernels() {
  static const bool fast = [] {
    const char* kernels = std::getenv("NNAPI_HOST_KERNELS");
    return kernels == nullptr || std::strcmp(kernels, "reference") != 0;
  }();
  return fast;
}

}  // namespace nnapi::host
