// BATCH_MATMUL: [..., rows, depth] times [..., depth, columns], each of them possibly transposed.
#include "host/base/kernel_choice.h"
#include "host/kernels/selection/select_convolution_plan.h"
#include "host/operation/operation.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

enum Operand : uint32_t { kLeft, kRight, kTransposeLeft, kTransposeRight };

struct MatMul {
  int64_t batch = 1, rows = 0, depth = 0, columns = 0;
  bool transpose_left = false, transpose_right = false;
  bool one_right = false;  // the same right matrix for all of the batch
};

Status describe(const Node& node, MatMul& m) {
  const Shape &left = node.in(kLeft).shape, &right = node.in(kRight).shape;
  for (uint32_t i = kTransposeLeft; i < node.num_inputs(); ++i)
    if (node.has(i) && !node.known(i)) return node.later();
  const uint32_t rank = left.rank();
  if (rank != right.rank() || rank < 2 || rank > 4)
    return node.bad("ranks %u and %u, must be the same from 2 to 4", rank, right.rank());
  m.transpose_left = node.flag(kTransposeLeft);
  m.transpose_right = node.flag(kTransposeRight);
  const uint32_t row = rank - 2, column = rank - 1;
  m.rows = left[m.transpose_left ? column : row];
  m.depth = left[m.transpose_left ? row : column];
  m.columns = right[m.transpose_right ? row : column];
  const int64_t right_depth = right[m.transpose_right ? column : row];
  if (m.depth != right_depth || m.rows == 0 || m.columns == 0 || m.depth == 0)
    return node.bad("matrices of %lld x %lld and %lld x %lld cannot be multiplied",
                    static_cast<long long>(m.rows), static_cast<long long>(m.depth),
                    static_cast<long long>(right_depth), static_cast<long long>(m.columns));
  m.batch = static_cast<int64_t>(left.count(0, row));
  bool same = true;
  m.one_right = true;
  for (uint32_t i = 0; i < row; ++i) {
    same = same && left[i] == right[i];
    m.one_right = m.one_right && right[i] == 1;
  }
  if (!same && !m.one_right)
    return node.bad(
        "the right batch must be that of the left operand, or one matrix for all of it");
  return kOk;
}

Status infer(const Node& node) {
  MatMul m;
  if (Status s = describe(node, m)) return s;
  Shape& out = node.out(0).shape;
  out = node.in(kLeft).shape;
  out[out.rank() - 2] = static_cast<uint32_t>(m.rows);
  out[out.rank() - 1] = static_cast<uint32_t>(m.columns);
  return kOk;
}

// One product as a convolution: every row of the left matrix is a pixel of one image.
Convolution as_convolution(const Node& node, const MatMul& m) {
  Convolution c;
  c.in = {1, 1, m.rows, m.depth};
  c.out = {1, 1, m.rows, m.columns};
  c.in_nchw = m.transpose_left;
  c.weight.out = m.transpose_right ? m.depth : 1;
  c.weight.in = m.transpose_right ? 1 : m.columns;
  c.set_elements(node.in(kLeft), node.in(kRight), node.out(0), ANEURALNETWORKS_FUSED_NONE);
  return c;
}

std::unique_ptr<Prepared> prepare(const Node& node) {
  MatMul m;
  const Tensor& right = node.in(kRight);
  if (!use_fast_kernels() || right.type == ANEURALNETWORKS_TENSOR_INT32 ||
      describe(node, m) != kOk || m.batch == 0)
    return nullptr;
  const bool packed_now = right.constant && m.one_right;
  return plan_convolution(as_convolution(node, m), packed_now ? right.data : nullptr, nullptr);
}

// Sums wrap around.
void multiply_integers(const MatMul& m, const int32_t* left, const int32_t* right, int32_t* out,
                       ThreadPool& pool) {
  const int64_t left_row = m.transpose_left ? 1 : m.depth,
                left_step = m.transpose_left ? m.rows : 1;
  const int64_t right_step = m.transpose_right ? 1 : m.columns,
                right_column = m.transpose_right ? m.depth : 1;
  parallel_for(pool, m.rows, 1 + 32768 / (m.depth * m.columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t c = 0; c < m.columns; ++c) {
        uint32_t sum = 0;
        for (int64_t k = 0; k < m.depth; ++k)
          sum += static_cast<uint32_t>(left[r * left_row + k * left_step]) *
                 static_cast<uint32_t>(right[k * right_step + c * right_column]);
        out[r * m.columns + c] = static_cast<int32_t>(sum);
      }
  });
}

Status run(const Node& node, const Prepared* prepared) {
  MatMul m;
  if (Status s = describe(node, m)) return s;
  if (m.batch == 0) return kOk;
  const Convolution c = as_convolution(node, m);
  const int64_t element = static_cast<int64_t>(element_size(c.type));
  const auto* left = node.in(kLeft).as<char>();
  const auto* right = node.in(kRight).as<char>();
  auto* out = node.out(0).as<char>();
  for (int64_t b = 0; b < m.batch; ++b) {
    const int64_t right_batch = m.one_right ? 0 : b;
    const ConvolutionData data{left + b * m.rows * m.depth * element,
                               right + right_batch * m.depth * m.columns * element, nullptr,
                               out + b * m.rows * m.columns * element};
    if (c.type == ANEURALNETWORKS_TENSOR_INT32)
      multiply_integers(m, static_cast<const int32_t*>(data.input),
                        static_cast<const int32_t*>(data.weights),
                        static_cast<int32_t*>(data.output), node.pool());
    else if (prepared)
      static_cast<const ConvolutionPlan*>(prepared)->run(data, node.scratch(), node.pool());
    else
      convolve_reference(c, data, node.pool());
  }
  return kOk;
}

}  // namespace

NNAPI_OPERATION(BATCH_MATMUL, .infer = infer, .prepare = prepare, .run = run);

}  // namespace nnapi::host
