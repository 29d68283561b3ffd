// Runs a .ptl artifact in libtorch, as an app on a phone does:
//
//   app MODEL.ptl INPUT.pt OUTPUT.pt
//
// INPUT.pt holds the argument and OUTPUT.pt gets the result, as torch.save and torch.load know
// them.
#include <torch/csrc/jit/mobile/import.h>
#include <torch/csrc/jit/mobile/module.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

// A model that runs on NNAPI, or in torch from the first time on that NNAPI does not take it.
class Model {
 public:
  explicit Model(const std::string& path) : module_(torch::jit::_load_for_mobile(path)) {}

  c10::IValue run(const std::vector<c10::IValue>& inputs) {
    const c10::InferenceMode no_gradients;
    try {
      return module_.get_method(method_)(inputs);
    } catch (const std::exception& error) {
      if (method_ == "forward_cpu") throw;
      std::cerr << "not on NNAPI: " << error.what() << "\n";
      method_ = "forward_cpu";
      return module_.get_method(method_)(inputs);
    }
  }

  const std::string& method() const { return method_; }

 private:
  torch::jit::mobile::Module module_;
  std::string method_ = "forward";
};

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: app MODEL.ptl INPUT.pt OUTPUT.pt\n";
    return 2;
  }
  std::ifstream file(arguments[2], std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const c10::IValue input = torch::jit::pickle_load(bytes);

  Model model(arguments[1]);
  c10::IValue result;
  for (int round = 0; round < 2; ++round) result = model.run({input});

  const std::vector<char> saved = torch::jit::pickle_save(result);
  std::ofstream(arguments[3], std::ios::binary).write(saved.data(), saved.size());
  std::cout << model.method() << "\n";
}
