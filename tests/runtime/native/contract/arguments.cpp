// The arguments of an execution: types that say more than the model, lengths, padding.
#include "objects.h"

namespace contract {
namespace {

// The dimensions that a model declares, those that a client gives with an argument, and whether
// these are allowed for an input with data, for one without, and for an output.
struct TypeRow {
  Dims declared, given;
  bool input, omitted, output;
};

const TypeRow kRows[] = {
    {{2, 2}, {2, 2}, true, true, true},       {{2, 2}, {0, 2}, false, false, false},
    {{2, 2}, {2, 0}, false, false, false},    {{2, 2}, {}, false, false, false},
    {{2, 2}, {2, 3}, false, false, false},    {{2, 2}, {4}, false, false, false},
    {{2, 2}, {2, 2, 1}, false, false, false}, {{0, 2}, {2, 2}, true, true, true},
    {{0, 2}, {3, 2}, false, true, true},  // more than the data has
    {{0, 2}, {0, 2}, false, true, true},      {{0, 2}, {2, 3}, false, false, false},
    {{0, 2}, {2, 0}, false, false, false},    {{0, 2}, {2}, false, false, false},
    {{}, {2, 2}, true, true, true},           {{}, {4}, true, true, true},
    {{}, {0, 2}, false, true, true},          {{}, {}, false, true, true},
};

void check_row(const TypeRow& row) {
  Sum sum(f32(row.declared), f32(row.declared), f32(row.declared));
  const Compilation compilation = compile(sum);
  const Kind kind = f32(row.given);
  const ANeuralNetworksOperandType type = kind.get();
  std::vector<float> values(4), result(6);
  Execution run = execution(compilation);
  EXPECT(set_input(run, 0, values, &kind), row.input ? kOk : kBadData);
  EXPECT(ANeuralNetworksExecution_setInput(run, 1, &type, nullptr, 0),
         row.omitted ? kOk : kBadData);
  // Of results that are not known, any length will do.
  const bool known = row.given == Dims{2, 2} || row.given == Dims{4};
  result.resize(row.given == Dims{3, 2} ? 6 : 4);
  EXPECT(set_output(run, 0, result, &kind), row.output ? kOk : kBadData);
  if (!known) return;
  Execution other = execution(compilation);
  result.resize(3);
  EXPECT(set_output(other, 0, result, &kind), kBadData);
  result.resize(5);
  EXPECT(set_output(other, 0, result, &kind), kBadData);
}

void check_untyped() {
  std::vector<float> values(4);
  for (const Dims& dims : {Dims{0, 2}, Dims{}}) {
    Sum sum(f32(dims), f32(dims), f32(dims));
    const Compilation compilation = compile(sum);
    Execution run = execution(compilation);
    EXPECT(set_input(run, 0, values), kBadData);
    EXPECT(set_output(run, 0, values), kOk);
  }
}

void check_lengths() {
  Sum sum({2, 2});
  const Compilation compilation = compile(sum);
  std::vector<float> exact(4), less(3), more(5);
  for (int padding : {0, 1, 2}) {  // not said, not enabled, enabled
    const int longer = padding == 2 ? kOk : kBadData;
    Execution run = execution(compilation);
    if (padding != 0)
      EXPECT(ANeuralNetworksExecution_enableInputAndOutputPadding(run, padding == 2), kOk);
    EXPECT(set_input(run, 0, less), kBadData);
    EXPECT(set_input(run, 0, more), longer);
    EXPECT(set_input(run, 1, exact), kOk);
    EXPECT(set_output(run, 0, less), kBadData);
    EXPECT(set_output(run, 0, more), longer);
    EXPECT(set_input(run, 2, exact), kBadData);
    EXPECT(set_input(run, -1, exact), kBadData);
    EXPECT(set_output(run, 1, exact), kBadData);
    EXPECT(set_output(run, -1, exact), kBadData);
    EXPECT(ANeuralNetworksExecution_setOutput(run, 0, nullptr, exact.data(), 0),
           padding == 2 ? kBadState : kBadData);
    if (padding == 2) EXPECT(ANeuralNetworksExecution_compute(run), kOk);
  }
}

}  // namespace

void check_arguments() {
  for (const TypeRow& row : kRows) check_row(row);
  check_untyped();
  check_lengths();
}

}  // namespace contract
