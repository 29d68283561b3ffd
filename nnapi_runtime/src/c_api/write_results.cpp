#include "c_api/write_results.h"

#include <algorithm>

#include "c_api/boundary.h"
#include "c_api/tensors.h"

namespace nnapi::c_api {

using loader::ArgumentError;
using session::Value;

session::Results run_apart(OpenSession& open, std::vector<Value> inputs) {
  session::Results results = open.session.run(std::move(inputs), &open.cancelled);
  for (auto& value : results) {
    if (!value || value->owner != nullptr) continue;
    const auto memory = session::new_memory(tensor_of(*value).bytes, "a result");
    session::copy_contiguous(*value, memory.get());
    value->data = memory.get();
    value->owner = memory;
    value->strides = session::contiguous_strides(value->shape);
  }
  return results;
}

std::vector<torch_nnapi_tensor> places_of(const OpenSession& open,
                                          const torch_nnapi_tensor* outputs, size_t count) {
  const size_t expected = open.session.manifest().results.size();
  if (count != expected) {
    throw ArgumentError("the model has " + std::to_string(expected) + " outputs, not " +
                        std::to_string(count));
  }
  std::vector<torch_nnapi_tensor> places;
  const torch_nnapi_tensor none{};
  for (size_t i = 0; i < count; ++i) {
    const std::string what = "output " + std::to_string(i);
    read_struct(outputs, none, "outputs");
    places.push_back(read_struct(struct_at(outputs, i), none, what.c_str()));
  }
  return places;
}

void write_results(const session::Results& results, std::vector<torch_nnapi_tensor>& places) {
  std::vector<torch_nnapi_tensor> written = places;
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].data == nullptr) continue;
    const std::string what = "output " + std::to_string(i);
    if (!results[i]) throw ArgumentError(what + " is None, which has no data");
    torch_nnapi_tensor& target = written[i];
    const auto said = tensor_of(*results[i]);
    // Strides are kept where they were given for a tensor of this rank.
    const bool strided =
        places[i].rank == said.rank && std::any_of(places[i].strides, places[i].strides + said.rank,
                                                   [](int64_t stride) { return stride != 0; });
    target = said;
    target.data = places[i].data;
    target.bytes = places[i].bytes;
    if (strided) std::copy_n(places[i].strides, said.rank, target.strides);
    value_of(target, what);  // the memory is large enough
  }
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].data == nullptr) continue;
    session::copy_elements(*results[i], static_cast<std::byte*>(written[i].data),
                           strides_of(written[i]));
    written[i].bytes = tensor_of(*results[i]).bytes;
  }
  places = std::move(written);
}

}  // namespace nnapi::c_api
