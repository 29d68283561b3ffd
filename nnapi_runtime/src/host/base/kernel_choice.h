// Which kernels compute: the fast ones, or the plain ones that they are tested against.
#pragma once

namespace nnapi::host {

// True unless the environment says NNAPI_HOST_KERNELS=reference. Read once.
bool use_fast_kernels();

}  // namespace nnapi::host
