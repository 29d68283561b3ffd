// What addOperation asks of operands beyond their types: ranks, scales and dimensions that are
// declared; and what is left to the computation.
#include "objects.h"

namespace contract {
namespace {

int add(int32_t code, const std::vector<Kind>& inputs, const Kind& output) {
  Model model;
  Dims in;
  for (const Kind& kind : inputs) in.push_back(model.operand(kind));
  return model.operation(code, in, {model.operand(output)});
}

const Kind kInt{ANEURALNETWORKS_INT32}, kFloat{ANEURALNETWORKS_FLOAT32},
    kBool{ANEURALNETWORKS_BOOL};

Dims ones(size_t rank) { return Dims(rank, 1); }

void check_ranks() {
  for (int32_t code :
       {ANEURALNETWORKS_ADD, ANEURALNETWORKS_SUB, ANEURALNETWORKS_MUL, ANEURALNETWORKS_DIV}) {
    EXPECT(add(code, {f32(ones(4)), f32(ones(4)), kInt}, f32({})), kOk);
    EXPECT(add(code, {f32(ones(4)), f32(ones(5)), kInt}, f32({})), kBadData);
    EXPECT(add(code, {f32(ones(5)), f32(ones(4)), kInt}, f32({})), kBadData);
    EXPECT(add(code, {f32(ones(5)), f32({}), kInt}, f32({})), kOk);  // not before both are known
  }
  for (int32_t code :
       {ANEURALNETWORKS_RELU, ANEURALNETWORKS_RELU1, ANEURALNETWORKS_RELU6, ANEURALNETWORKS_TANH,
        ANEURALNETWORKS_LOGISTIC, ANEURALNETWORKS_FLOOR, ANEURALNETWORKS_L2_NORMALIZATION}) {
    for (size_t rank = 1; rank <= 4; ++rank) EXPECT(add(code, {f32(ones(rank))}, f32({})), kOk);
    EXPECT(add(code, {f32(ones(5))}, f32({})), kBadData);
    EXPECT(add(code, {f32({})}, f32(ones(5))), kOk);
  }
  for (int32_t code : {ANEURALNETWORKS_PAD, ANEURALNETWORKS_SQUEEZE, ANEURALNETWORKS_TRANSPOSE}) {
    EXPECT(add(code, {f32(ones(4)), i32({})}, f32({})), kOk);
    EXPECT(add(code, {f32(ones(5)), i32({})}, f32({})), kBadData);
  }
  for (int32_t code : {ANEURALNETWORKS_REDUCE_SUM, ANEURALNETWORKS_REDUCE_MIN}) {
    EXPECT(add(code, {f32(ones(4)), i32({}), kBool}, f32({})), kOk);
    EXPECT(add(code, {f32(ones(5)), i32({}), kBool}, f32({})), kBadData);
  }
  EXPECT(add(ANEURALNETWORKS_CONCATENATION, {f32(ones(4)), f32(ones(5)), kInt}, f32({})), kBadData);
  EXPECT(add(ANEURALNETWORKS_ABS, {f32(ones(6))}, f32({})), kOk);
  EXPECT(add(ANEURALNETWORKS_EQUAL, {f32(ones(6)), f32(ones(6))}, {ANEURALNETWORKS_TENSOR_BOOL8}),
         kOk);
}

void check_convolutions() {
  const auto conv = [](const Kind& input, const Kind& weights, const Kind& bias) {
    return add(ANEURALNETWORKS_CONV_2D, {input, weights, bias, kInt, kInt, kInt, kInt}, f32({}));
  };
  EXPECT(conv(f32(ones(4)), f32(ones(4)), f32({})), kOk);
  EXPECT(conv(f32(ones(3)), f32(ones(4)), f32({})), kBadData);
  EXPECT(conv(f32(ones(4)), f32(ones(3)), f32({})), kBadData);
  EXPECT(conv(f32({}), f32(ones(5)), f32({})), kBadData);
  EXPECT(conv(f32({1, 8, 8, 3}), f32({1, 3, 3, 99}), f32({7})), kOk);  // found out when it runs

  const auto dense = [](const Dims& input, const Dims& weights, const Dims& bias) {
    return add(ANEURALNETWORKS_FULLY_CONNECTED, {f32(input), f32(weights), f32(bias), kInt},
               f32({}));
  };
  EXPECT(dense({2, 3}, {4, 3}, {4}), kOk);
  EXPECT(dense({3}, {4, 3}, {4}), kBadData);
  EXPECT(dense(ones(5), {4, 1}, {4}), kBadData);
  EXPECT(dense({2, 3}, {4, 3, 1}, {4}), kBadData);
  EXPECT(dense({2, 3}, {4, 3}, {4, 1}), kBadData);
  EXPECT(dense({2, 4}, {4, 3}, {4}), kBadData);
  EXPECT(dense({2, 3}, {4, 3}, {5}), kBadData);
  EXPECT(dense({3}, {}, {4}), kOk);

  // Scales by channel lie along the output channels.
  const float scales[] = {1.0f, 1.0f};
  for (uint32_t dim : {0u, 3u}) {
    Model model;
    const uint32_t input = model.operand(q8({1, 4, 4, 2}));
    const uint32_t weights =
        model.operand({ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL, {2, 1, 1, 2}});
    const ANeuralNetworksSymmPerChannelQuantParams params{dim, 2, scales};
    ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, static_cast<int32_t>(weights),
                                                             &params);
    Dims in{input, weights, model.operand(i32({2}))};
    for (int i = 0; i < 4; ++i) in.push_back(model.scalar(1));
    EXPECT(model.operation(ANEURALNETWORKS_CONV_2D, in, {model.operand(q8({}))}),
           dim == 0 ? kOk : kBadData);
    in.push_back(model.scalar(1));
    EXPECT(model.operation(ANEURALNETWORKS_DEPTHWISE_CONV_2D, in, {model.operand(q8({}))}),
           dim == 3 ? kOk : kBadData);
  }
}

void check_scales() {
  const auto product = [](float a, float b, float out) {
    return add(ANEURALNETWORKS_MUL, {q8({1}, a), q8({1}, b), kInt}, q8({1}, out));
  };
  EXPECT(product(0.5f, 0.5f, 0.3f), kOk);
  EXPECT(product(0.5f, 0.5f, 0.25f), kBadData);
  EXPECT(product(0.5f, 0.5f, 0.2f), kBadData);

  const auto pack = [](const Kind& a, const Kind& b, const Kind& out) {
    return add(ANEURALNETWORKS_PACK, {kInt, a, b}, out);
  };
  EXPECT(pack(q8({3}, 1, 5), q8({3}, 1, 5), q8({2, 3}, 1, 5)), kOk);
  EXPECT(pack(q8({3}, 2, 5), q8({3}, 1, 5), q8({2, 3}, 1, 5)), kBadData);
  EXPECT(pack(q8({3}, 1, 5), q8({3}, 1, 4), q8({2, 3}, 1, 5)), kBadData);
  EXPECT(pack(q8({3}), q8({3}), q8({2, 3})), kOk);
  EXPECT(pack(q8({3}), q8({3}), q8({2, 1, 3})), kBadData);
  EXPECT(pack(q8({3}), q8({1, 3}), q8({})), kBadData);
  EXPECT(pack(q8({3}), q8({}), q8({2, 3})), kOk);

  const auto reverse = [](const Kind& in, const Dims& axis, const Kind& out) {
    return add(ANEURALNETWORKS_REVERSE, {in, i32(axis)}, out);
  };
  EXPECT(reverse(q8({2, 3}), {1}, q8({2, 3})), kOk);
  EXPECT(reverse(q8({2, 3}), {}, q8({})), kOk);
  EXPECT(reverse(q8({2, 3}), {0}, q8({})), kOk);
  EXPECT(reverse(q8({2, 3}), {2}, q8({2, 3})), kBadData);
  EXPECT(reverse(q8({2, 3}), {1, 1}, q8({2, 3})), kBadData);
  EXPECT(reverse(q8({2, 3}), {1}, q8({2, 3}, 2)), kBadData);
  EXPECT(reverse(q8({2, 3}), {1}, q8({2, 3}, 1, 1)), kBadData);
  EXPECT(reverse(q8({2, 3}), {1}, q8({2, 3, 1})), kBadData);
  EXPECT(reverse(q8({2, 3}), {1}, q8({3})), kBadData);

  const auto mirror = [](const Kind& in, const Dims& paddings, const Kind& out) {
    return add(ANEURALNETWORKS_MIRROR_PAD, {in, i32(paddings), kInt}, out);
  };
  EXPECT(mirror(q8({2, 3}), {2, 2}, q8({4, 5})), kOk);
  EXPECT(mirror(q8({2, 3}), {0, 0}, q8({})), kOk);
  EXPECT(mirror(q8({2, 3}), {4}, q8({4, 5})), kBadData);
  EXPECT(mirror(q8({2, 3}), {2, 3}, q8({4, 5})), kBadData);
  EXPECT(mirror(q8({2, 3}), {3, 2}, q8({4, 5})), kBadData);
  EXPECT(mirror(q8({2, 3}), {2, 2}, q8({4, 5, 1})), kBadData);
  EXPECT(mirror(q8({2, 3}), {2, 2}, q8({4, 5}, 2)), kBadData);

  const auto cast = [](const Dims& in, const Dims& out) {
    return add(ANEURALNETWORKS_CAST, {f32(in)}, i32(out));
  };
  EXPECT(cast({2, 3}, {2, 3}), kOk);
  EXPECT(cast({2, 3}, {3, 2}), kBadData);
  EXPECT(cast({2, 3}, {6}), kBadData);
  EXPECT(cast({2, 3}, {2, 0}), kOk);
  EXPECT(cast({}, {2, 3}), kOk);
  EXPECT(cast({2, 3}, {}), kOk);
}

// IF and WHILE against the models that they refer to.
void check_control_flow() {
  const auto relu = [](const Dims& dims) {
    Model model;
    const uint32_t in = model.operand(f32(dims)), out = model.operand(f32(dims));
    model.operation(ANEURALNETWORKS_RELU, {in}, {out});
    model.identify({in}, {out});
    model.finish();
    return model;
  };
  const Model two = relu({2}), three = relu({3});
  const auto branch = [](const Kind& condition, const Model* then, const Model* otherwise,
                         const Kind& value, const Kind& result) {
    Model model;
    Dims in{model.operand(condition), model.operand({ANEURALNETWORKS_MODEL}),
            model.operand({ANEURALNETWORKS_MODEL}), model.operand(value)};
    if (then) ANeuralNetworksModel_setOperandValueFromModel(model, 1, *then);
    if (otherwise) ANeuralNetworksModel_setOperandValueFromModel(model, 2, *otherwise);
    return model.operation(ANEURALNETWORKS_IF, in, {model.operand(result)});
  };
  const Kind flag{ANEURALNETWORKS_TENSOR_BOOL8, {1}}, flags{ANEURALNETWORKS_TENSOR_BOOL8, {2}};
  EXPECT(branch(flag, &two, &two, f32({2}), f32({2})), kOk);
  EXPECT(branch(flag, &two, &two, f32({0}), f32({})), kOk);
  EXPECT(branch(flags, &two, &two, f32({2}), f32({2})), kBadData);
  EXPECT(branch(kBool, &two, &two, f32({2}), f32({2})), kBadData);
  EXPECT(branch(flag, &two, nullptr, f32({2}), f32({2})), kBadData);
  EXPECT(branch(flag, nullptr, &two, f32({2}), f32({2})), kBadData);
  EXPECT(branch(flag, &two, &three, f32({2}), f32({2})), kBadData);
  EXPECT(branch(flag, &two, &two, f32({3}), f32({2})), kBadData);
  EXPECT(branch(flag, &two, &two, f32({2}), f32({3})), kBadData);
  EXPECT(branch(flag, &two, &two, f32({2}), i32({2})), kBadData);
  Model model;
  EXPECT(model.add({ANEURALNETWORKS_MODEL}), kOk);
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(model, 1, two), kBadData);
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(model, 0, two), kOk);
  Model unfinished;
  EXPECT(ANeuralNetworksModel_setOperandValueFromModel(model, 0, unfinished), kBadState);
}

}  // namespace

void check_relations() {
  check_ranks();
  check_convolutions();
  check_scales();
  check_control_flow();
}

}  // namespace contract
