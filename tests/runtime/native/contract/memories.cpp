// Memories: mapped files, and device memories with the roles that their descriptors give them.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "objects.h"

namespace contract {
namespace {

class File {
 public:
  explicit File(size_t bytes) : fd_(memfd_create("contract", 0)) {
    if (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) std::perror("ftruncate");
  }
  ~File() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

void check_files() {
  const File file(8192);
  ANeuralNetworksMemory* made = nullptr;
  EXPECT(ANeuralNetworksMemory_createFromFd(0, PROT_READ, file.fd(), 0, &made), kBadData);
  EXPECT(ANeuralNetworksMemory_createFromFd(16, PROT_READ, -1, 0, &made), kBadData);
  EXPECT(ANeuralNetworksMemory_createFromFd(16, PROT_EXEC, file.fd(), 0, &made), kBadData);
  EXPECT(ANeuralNetworksMemory_createFromFd(8193, PROT_READ, file.fd(), 0, &made),
         ANEURALNETWORKS_UNMAPPABLE);
  Memory memory;
  lseek(file.fd(), 123, SEEK_SET);
  EXPECT(ANeuralNetworksMemory_createFromFd(4096, PROT_READ | PROT_WRITE, file.fd(), 4096,
                                            memory.out()),
         kOk);
  EXPECT_THAT(lseek(file.fd(), 0, SEEK_CUR) == 123);  // the client's position stays

  Model model;
  const auto index = static_cast<int32_t>(model.operand(f32({4})));
  const auto set = [&](size_t offset, size_t length) {
    return ANeuralNetworksModel_setOperandValueFromMemory(model, index, memory, offset, length);
  };
  EXPECT(set(0, 16), kOk);
  EXPECT(set(4080, 16), kOk);
  EXPECT(set(4081, 16), kBadData);
  EXPECT(set(0, 15), kBadData);
  EXPECT(set(0, 17), kBadData);
  EXPECT(set(SIZE_MAX, 16), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValueFromMemory(model, index + 1, memory, 0, 16), kBadData);

  Sum sum({4});
  const Compilation compilation = compile(sum);
  Execution run = execution(compilation);
  const auto set_input = [&](size_t offset, size_t length) {
    return ANeuralNetworksExecution_setInputFromMemory(run, 0, nullptr, memory, offset, length);
  };
  EXPECT(set_input(0, 0), kBadData);
  EXPECT(set_input(0, 15), kBadData);
  EXPECT(set_input(0, 17), kBadData);
  EXPECT(set_input(4081, 16), kBadData);
  EXPECT(set_input(16, 16), kOk);
  EXPECT(set_input(16, 16), kBadState);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(run, 0, nullptr, memory, 0, 0), kBadData);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(run, 0, nullptr, memory, 32, 16), kOk);
  const std::vector<float> values{1, 2, 3, 4};
  EXPECT(contract::set_input(run, 1, values), kOk);
  EXPECT(ANeuralNetworksExecution_compute(run), kOk);
  float out[4];
  EXPECT_THAT(pread(file.fd(), out, sizeof out, 4096 + 32) == sizeof out && out[3] == 4.0f);
}

Memory memory_of(const std::vector<std::pair<const Compilation*, uint32_t>>& inputs,
                 const std::vector<std::pair<const Compilation*, uint32_t>>& outputs,
                 const Dims& dims = {}) {
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  for (auto [compilation, i] : inputs)
    EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, *compilation, i, 1.0f), kOk);
  for (auto [compilation, i] : outputs)
    EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, *compilation, i, 1.0f), kOk);
  if (!dims.empty())
    EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, static_cast<uint32_t>(dims.size()),
                                                   dims.data()),
           kOk);
  EXPECT(ANeuralNetworksMemoryDesc_finish(descriptor), kOk);
  Memory memory;
  EXPECT(ANeuralNetworksMemory_createFromDesc(descriptor, memory.out()), kOk);
  return memory;
}

void check_roles() {
  Sum sum({2}), other({3}), open(f32({0}), f32({0}), f32({0}));
  Sum bytes(q8({2}), q8({2}), q8({2}));
  const Compilation two = compile(sum), three = compile(other), any = compile(open),
                    quantised = compile(bytes);
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  const auto input = [&](const Compilation& compilation, uint32_t i, float frequency) {
    return ANeuralNetworksMemoryDesc_addInputRole(descriptor, compilation, i, frequency);
  };
  for (float frequency : {0.0f, -0.5f, 1.5f}) EXPECT(input(two, 0, frequency), kBadData);
  EXPECT(input(two, 2, 1.0f), kBadData);
  EXPECT(ANeuralNetworksMemoryDesc_addOutputRole(descriptor, two, 1, 1.0f), kBadData);
  EXPECT(input(two, 0, 0.5f), kOk);
  EXPECT(input(two, 0, 0.5f), kBadData);        // twice
  EXPECT(input(three, 0, 0.5f), kBadData);      // of another size
  EXPECT(input(quantised, 0, 0.5f), kBadData);  // of another type
  EXPECT(input(any, 0, 0.5f), kOk);
  EXPECT(input(two, 1, 1.0f), kOk);
  const uint32_t wrong[] = {3}, right[] = {2}, deep[] = {2, 1};
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, 1, wrong), kBadData);
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, 2, deep), kBadData);
  EXPECT(ANeuralNetworksMemoryDesc_setDimensions(descriptor, 1, right), kOk);
  Compilation unfinished;
  ANeuralNetworksCompilation_create(sum, unfinished.out());
  EXPECT(input(unfinished, 0, 1.0f), kBadData);
}

// Weights that differ only in their scales by channel share no memory.
void check_channel_scales() {
  const auto filter = [](float scale) {
    Model model;
    const uint32_t image = model.operand(q8({1, 2, 2, 1}));
    const uint32_t weights =
        model.operand({ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL, {1, 1, 1, 1}});
    const ANeuralNetworksSymmPerChannelQuantParams params{0, 1, &scale};
    ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, static_cast<int32_t>(weights),
                                                             &params);
    const uint32_t bias = model.operand(i32({1}));
    const int32_t none = 0;
    ANeuralNetworksModel_setOperandValue(model, static_cast<int32_t>(bias), &none, 4);
    Dims in{image, weights, bias};
    for (int value : {1, 1, 1, 0}) in.push_back(model.scalar(value));
    const uint32_t out = model.operand(q8({1, 2, 2, 1}, 2.0f));
    EXPECT(model.operation(ANEURALNETWORKS_CONV_2D, in, {out}), kOk);
    EXPECT(model.identify({image, weights}, {out}), kOk);
    EXPECT(model.finish(), kOk);
    return model;
  };
  const Model one = filter(0.5f), same = filter(0.5f), other = filter(0.25f);
  const Compilation a = compile(one), b = compile(same), c = compile(other);
  Descriptor descriptor;
  ANeuralNetworksMemoryDesc_create(descriptor.out());
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, a, 1, 1.0f), kOk);
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, b, 1, 1.0f), kOk);
  EXPECT(ANeuralNetworksMemoryDesc_addInputRole(descriptor, c, 1, 1.0f), kBadData);
}

int write_memory(const Compilation& compilation, const Memory& memory,
                 const std::vector<float>& values) {
  Execution run = execution(compilation);
  const Kind kind = f32({static_cast<uint32_t>(values.size())});
  const std::vector<float> zeros(values.size());
  EXPECT(set_input(run, 0, values, &kind), kOk);
  EXPECT(set_input(run, 1, zeros, &kind), kOk);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(run, 0, nullptr, memory, 0, 0), kOk);
  return ANeuralNetworksExecution_compute(run);
}

int read_memory(const Compilation& compilation, const Memory& memory, std::vector<float>& out) {
  Execution run = execution(compilation);
  const Kind kind = f32({static_cast<uint32_t>(out.size())});
  const ANeuralNetworksOperandType type = kind.get();
  EXPECT(ANeuralNetworksExecution_setInputFromMemory(run, 0, &type, memory, 0, 0), kOk);
  const std::vector<float> zeros(out.size());
  EXPECT(set_input(run, 1, zeros, &kind), kOk);
  EXPECT(set_output(run, 0, out, &kind), kOk);
  return ANeuralNetworksExecution_compute(run);
}

void check_contents() {
  Sum sum({2}), wrong(f32({2}), f32({2}), f32({2}), 999);
  const Compilation compilation = compile(sum), failing = compile(wrong);
  const Memory memory = memory_of({{&compilation, 0}}, {{&compilation, 0}, {&failing, 0}});
  std::vector<float> out(2);
  EXPECT(read_memory(compilation, memory, out), kFailed);  // nothing was written yet
  EXPECT(write_memory(compilation, memory, {3, 4}), kOk);
  EXPECT(read_memory(compilation, memory, out), kOk);
  EXPECT_THAT((out == std::vector<float>{3, 4}));
  EXPECT(write_memory(failing, memory, {3, 4}), kFailed);
  EXPECT(read_memory(compilation, memory, out), kFailed);  // what it held is lost
  EXPECT(write_memory(compilation, memory, {5, 6}), kOk);

  Execution run = execution(compilation);
  const auto as_input = [&](int32_t i, size_t offset, size_t length) {
    return ANeuralNetworksExecution_setInputFromMemory(run, i, nullptr, memory, offset, length);
  };
  EXPECT(as_input(0, 4, 0), kBadData);
  EXPECT(as_input(0, 0, 8), kBadData);
  EXPECT(as_input(1, 0, 0), kBadData);  // a role that it was not made for
  EXPECT(as_input(0, 0, 0), kOk);
  Model model;
  EXPECT(model.add(f32({2})), kOk);
  EXPECT(ANeuralNetworksModel_setOperandValueFromMemory(model, 0, memory, 0, 8), kBadData);
}

// A memory of unknown size takes whatever it is given, and then more.
void check_growth() {
  Sum open(f32({0}), f32({0}), f32({0}));
  const Compilation compilation = compile(open);
  const Memory memory = memory_of({{&compilation, 0}}, {{&compilation, 0}});
  for (size_t size : {2, 5, 3, 100, 1}) {
    const std::vector<float> values(size, static_cast<float>(size));
    EXPECT(write_memory(compilation, memory, values), kOk);
    std::vector<float> out(size), other(size + 1);
    EXPECT(read_memory(compilation, memory, out), kOk);
    EXPECT_THAT(out == values);
    EXPECT(read_memory(compilation, memory, other), kFailed);  // of another shape
  }
  const Memory sized = memory_of({{&compilation, 0}}, {{&compilation, 0}}, {3});
  EXPECT(write_memory(compilation, sized, {1, 2, 3}), kOk);
  EXPECT(write_memory(compilation, sized, {1, 2, 3, 4}) == kOk ? kOk : kFailed, kFailed);
  Execution run = execution(compilation);
  const Kind four = f32({4});
  const ANeuralNetworksOperandType type = four.get();
  EXPECT(ANeuralNetworksExecution_setInputFromMemory(run, 0, &type, sized, 0, 0), kBadData);
  EXPECT(ANeuralNetworksExecution_setOutputFromMemory(run, 0, &type, sized, 0, 0), kBadData);
}

void check_copies() {
  Sum open(f32({0}), f32({0}), f32({0})), bytes(q8({2}), q8({2}), q8({2}));
  const Compilation compilation = compile(open), quantised = compile(bytes);
  const Memory any = memory_of({{&compilation, 0}}, {{&compilation, 0}});
  const Memory two = memory_of({{&compilation, 0}}, {{&compilation, 0}}, {2});
  const Memory three = memory_of({{&compilation, 0}}, {{&compilation, 0}}, {3});
  const Memory other = memory_of({{&quantised, 0}}, {});
  EXPECT(ANeuralNetworksMemory_copy(two, any), kBadData);  // nothing was written yet
  EXPECT(write_memory(compilation, two, {1, 2}), kOk);
  EXPECT(ANeuralNetworksMemory_copy(two, two), kOk);
  EXPECT(ANeuralNetworksMemory_copy(two, any), kOk);
  std::vector<float> out(2);
  EXPECT(read_memory(compilation, any, out), kOk);
  EXPECT_THAT((out == std::vector<float>{1, 2}));
  EXPECT(ANeuralNetworksMemory_copy(two, three), kBadData);
  EXPECT(ANeuralNetworksMemory_copy(two, other), kBadData);
  const File file(8), small(4);
  Memory mapped, short_one;
  ANeuralNetworksMemory_createFromFd(8, PROT_READ | PROT_WRITE, file.fd(), 0, mapped.out());
  ANeuralNetworksMemory_createFromFd(4, PROT_READ | PROT_WRITE, small.fd(), 0, short_one.out());
  EXPECT(ANeuralNetworksMemory_copy(two, mapped), kOk);
  EXPECT(ANeuralNetworksMemory_copy(mapped, two), kOk);
  EXPECT(ANeuralNetworksMemory_copy(two, short_one), kBadData);
  EXPECT(ANeuralNetworksMemory_copy(short_one, two), kBadData);
  EXPECT(ANeuralNetworksMemory_copy(mapped, short_one), kBadData);
  EXPECT(read_memory(compilation, two, out), kFailed);  // the copy into it failed
}

}  // namespace

void check_memories() {
  check_files();
  check_roles();
  check_channel_scales();
  check_contents();
  check_growth();
  check_copies();
}

}  // namespace contract
