// Random models through the C API: build, finish, compile, run. Whatever the bytes say, the library
// must refuse or compute; the sanitizers watch it.
#include <cstdint>
#include <cstdlib>

#include "fuzz/random_model.h"
#include "host/base/size_limit.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  setenv("NNAPI_HOST_LOG", "0", 1);
  setenv("NNAPI_NUM_THREADS", "1", 1);
  // A model may ask for 4 GiB, and be right; the fuzzer has no time for that.
  nnapi::host::set_operand_size_limit(1 << 20);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nnapi::fuzz::Bytes bytes(data, size);
  nnapi::fuzz::RandomModel model(bytes, 0);
  if (!model.finished()) return 0;
  ANeuralNetworksCompilation* compilation = nullptr;
  if (ANeuralNetworksCompilation_create(model.handle(), &compilation) == ANEURALNETWORKS_NO_ERROR &&
      ANeuralNetworksCompilation_finish(compilation) == ANEURALNETWORKS_NO_ERROR)
    for (int i = 0; i < 2; ++i) model.execute(compilation);
  ANeuralNetworksCompilation_free(compilation);
  return 0;
}
