// Which operations an NNAPI device takes, with which types of tensors: asked through the C API,
// with a model of one operation for each. Prints the device profile of docs/device_profiles.md.
//
//   nnapi-probe [--library PATH] [--device NAME] [--list]
//
// Plain C that opens libneuralnetworks.so itself, so that it builds for any phone and starts on
// any.
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nnapi/neural_networks.h"

enum place { INPUT, CONSTANT, OMITTED, RESULT };

struct operand {
  int32_t type;
  uint32_t rank;
  uint32_t dims[4];
  float scale;
  int32_t zero_point;
  enum place place;
  int channel_dim;       // of scales for each channel; -1: one scale
  const uint8_t* bytes;  // of a constant; none: zeros
  uint32_t count;
};

struct model {
  const char* operation;
  int32_t code;
  int64_t level;
  uint32_t inputs;
  uint32_t outputs;
  const struct operand* operands;  // inputs, then outputs
};

#include "models.inc"

enum { MODEL_COUNT = sizeof(models) / sizeof(models[0]), MOST_OPERANDS = 80, TENSOR_TYPES = 16 };

static const char* const tensor_names[TENSOR_TYPES] = {
    [ANEURALNETWORKS_TENSOR_FLOAT32] = "TENSOR_FLOAT32",
    [ANEURALNETWORKS_TENSOR_INT32] = "TENSOR_INT32",
    [ANEURALNETWORKS_TENSOR_QUANT8_ASYMM] = "TENSOR_QUANT8_ASYMM",
    [ANEURALNETWORKS_TENSOR_QUANT16_SYMM] = "TENSOR_QUANT16_SYMM",
    [ANEURALNETWORKS_TENSOR_FLOAT16] = "TENSOR_FLOAT16",
    [ANEURALNETWORKS_TENSOR_BOOL8] = "TENSOR_BOOL8",
    [ANEURALNETWORKS_TENSOR_QUANT8_SYMM_PER_CHANNEL] = "TENSOR_QUANT8_SYMM_PER_CHANNEL",
    [ANEURALNETWORKS_TENSOR_QUANT16_ASYMM] = "TENSOR_QUANT16_ASYMM",
    [ANEURALNETWORKS_TENSOR_QUANT8_SYMM] = "TENSOR_QUANT8_SYMM",
    [ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED] = "TENSOR_QUANT8_ASYMM_SIGNED",
};

// The functions that the probe calls, as members of `nnapi`.
#define FUNCTIONS(CALL)                                          \
  CALL(ANeuralNetworks_getDeviceCount)                           \
  CALL(ANeuralNetworks_getDevice)                                \
  CALL(ANeuralNetworksDevice_getName)                            \
  CALL(ANeuralNetworksDevice_getVersion)                         \
  CALL(ANeuralNetworksDevice_getFeatureLevel)                    \
  CALL(ANeuralNetworksModel_create)                              \
  CALL(ANeuralNetworksModel_free)                                \
  CALL(ANeuralNetworksModel_addOperand)                          \
  CALL(ANeuralNetworksModel_setOperandValue)                     \
  CALL(ANeuralNetworksModel_setOperandSymmPerChannelQuantParams) \
  CALL(ANeuralNetworksModel_addOperation)                        \
  CALL(ANeuralNetworksModel_identifyInputsAndOutputs)            \
  CALL(ANeuralNetworksModel_finish)                              \
  CALL(ANeuralNetworksModel_getSupportedOperationsForDevices)

#define MEMBER(function) __typeof__(&function) function;
static struct {
  FUNCTIONS(MEMBER)
  // Since level 30; null in an older library.
  __typeof__(&ANeuralNetworksModel_setOperandValueFromModel) setOperandValueFromModel;
} nnapi;

static int fail(const char* what, const char* which) {
  fprintf(stderr, "nnapi-probe: %s%s\n", what, which);
  return 1;
}

static int open_library(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return fail("", dlerror());
#define FIND(function)                                                    \
  nnapi.function = (__typeof__(nnapi.function))dlsym(library, #function); \
  if (nnapi.function == NULL)                                             \
    return fail("the library has no " #function                           \
                ", so it is older than Android 10: convert "              \
                "with --feature-level 28 instead of a profile",           \
                "");
  FUNCTIONS(FIND)
  nnapi.setOperandValueFromModel = (__typeof__(nnapi.setOperandValueFromModel))dlsym(
      library, "ANeuralNetworksModel_setOperandValueFromModel");
  return 0;
}

static ANeuralNetworksOperandType type_of(const struct operand* operand) {
  const ANeuralNetworksOperandType type = {
      .type = operand->type,
      .dimensionCount = operand->rank,
      .dimensions = operand->rank ? operand->dims : NULL,
      .scale = operand->scale,
      .zeroPoint = operand->zero_point,
  };
  return type;
}

// Bytes of one element of a tensor.
static uint32_t element_size(int32_t type) {
  switch (type) {
    case ANEURALNETWORKS_TENSOR_FLOAT32:
    case ANEURALNETWORKS_TENSOR_INT32:
      return 4;
    case ANEURALNETWORKS_TENSOR_FLOAT16:
    case ANEURALNETWORKS_TENSOR_QUANT16_SYMM:
    case ANEURALNETWORKS_TENSOR_QUANT16_ASYMM:
      return 2;
    default:
      return 1;
  }
}

static int add(ANeuralNetworksModel* model, uint32_t index, const struct operand* operand) {
  static const uint8_t zeros[512];
  static const float scales[4] = {0.5f, 0.5f, 0.5f, 0.5f};
  ANeuralNetworksOperandType type = type_of(operand);
  if (operand->channel_dim >= 0) type.scale = 0.0f;
  int code = nnapi.ANeuralNetworksModel_addOperand(model, &type);
  if (code == ANEURALNETWORKS_NO_ERROR && operand->channel_dim >= 0) {
    const ANeuralNetworksSymmPerChannelQuantParams channels = {
        .channelDim = (uint32_t)operand->channel_dim,
        .scaleCount = operand->dims[operand->channel_dim],
        .scales = scales,
    };
    code = nnapi.ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(model, (int32_t)index,
                                                                          &channels);
  }
  if (code != ANEURALNETWORKS_NO_ERROR) return code;
  if (operand->place == OMITTED) {
    return nnapi.ANeuralNetworksModel_setOperandValue(model, (int32_t)index, NULL, 0);
  }
  if (operand->place != CONSTANT) return code;
  uint32_t size = operand->count;
  if (operand->bytes == NULL) {
    size = element_size(operand->type);
    for (uint32_t i = 0; i < operand->rank; ++i) size *= operand->dims[i];
  }
  return nnapi.ANeuralNetworksModel_setOperandValue(model, (int32_t)index,
                                                    operand->bytes ? operand->bytes : zeros, size);
}

// A finished model of one operation; null where the library refuses it.
static ANeuralNetworksModel* build(int32_t operation, uint32_t inputs, uint32_t outputs,
                                   const struct operand* operands,
                                   const ANeuralNetworksModel* const* submodels) {
  ANeuralNetworksModel* model = NULL;
  if (nnapi.ANeuralNetworksModel_create(&model) != ANEURALNETWORKS_NO_ERROR) return NULL;
  uint32_t indices[MOST_OPERANDS], given[MOST_OPERANDS], given_count = 0;
  int code = ANEURALNETWORKS_NO_ERROR;
  for (uint32_t i = 0; i < inputs + outputs && code == ANEURALNETWORKS_NO_ERROR; ++i) {
    indices[i] = i;
    code = add(model, i, &operands[i]);
    if (operands[i].type == ANEURALNETWORKS_MODEL) {
      code = nnapi.setOperandValueFromModel(model, (int32_t)i, *submodels++);
    } else if (operands[i].place == INPUT) {
      given[given_count++] = i;
    }
  }
  if (code == ANEURALNETWORKS_NO_ERROR)
    code = nnapi.ANeuralNetworksModel_addOperation(model, operation, inputs, indices, outputs,
                                                   indices + inputs);
  if (code == ANEURALNETWORKS_NO_ERROR)
    code = nnapi.ANeuralNetworksModel_identifyInputsAndOutputs(model, given_count, given, outputs,
                                                               indices + inputs);
  if (code == ANEURALNETWORKS_NO_ERROR) code = nnapi.ANeuralNetworksModel_finish(model);
  if (code == ANEURALNETWORKS_NO_ERROR) return model;
  nnapi.ANeuralNetworksModel_free(model);
  return NULL;
}

// Does the device take the one operation of a model? The model is freed.
static bool takes(const ANeuralNetworksDevice* device, ANeuralNetworksModel* model) {
  if (model == NULL) return false;
  bool supported = false;
  const int code =
      nnapi.ANeuralNetworksModel_getSupportedOperationsForDevices(model, &device, 1, &supported);
  nnapi.ANeuralNetworksModel_free(model);
  return code == ANEURALNETWORKS_NO_ERROR && supported;
}

static void print_operation(const char* name, uint32_t types, bool* first) {
  printf("%s\n    \"%s\": [", *first ? "" : ",", name);
  *first = false;
  const char* comma = "";
  for (int type = 0; type < TENSOR_TYPES; ++type) {
    if ((types >> type & 1) == 0 || tensor_names[type] == NULL) continue;
    printf("%s\"%s\"", comma, tensor_names[type]);
    comma = ", ";
  }
  printf("]");
}

static uint32_t types_in(const struct operand* operands, uint32_t count) {
  uint32_t types = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (operands[i].place != OMITTED) types |= 1u << operands[i].type;
  }
  return types;
}

static void probe_operations(const ANeuralNetworksDevice* device, int64_t level, bool* first) {
  for (int i = 0; i < MODEL_COUNT;) {
    const char* name = models[i].operation;
    uint32_t types = 0;
    bool taken = false;
    for (; i < MODEL_COUNT && strcmp(models[i].operation, name) == 0; ++i) {
      const struct model* one = &models[i];
      if (one->level > level) continue;
      if (takes(device, build(one->code, one->inputs, one->outputs, one->operands, NULL))) {
        types |= types_in(one->operands, one->inputs + one->outputs);
        taken = true;
      }
    }
    if (taken) print_operation(name, types, first);
  }
}

// IF and WHILE over one tensor of a type: its greater, while it is less.
static void probe_control_flow(const ANeuralNetworksDevice* device, bool* first) {
  static const int32_t types[] = {
      ANEURALNETWORKS_TENSOR_FLOAT32,      ANEURALNETWORKS_TENSOR_INT32,
      ANEURALNETWORKS_TENSOR_QUANT8_ASYMM, ANEURALNETWORKS_TENSOR_FLOAT16,
      ANEURALNETWORKS_TENSOR_BOOL8,        ANEURALNETWORKS_TENSOR_QUANT8_ASYMM_SIGNED,
  };
  uint32_t in_if = 0, in_while = 0;
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); ++i) {
    const bool truth = types[i] == ANEURALNETWORKS_TENSOR_BOOL8;
    const bool quantised = element_size(types[i]) == 1 && !truth;
    const struct operand value = {types[i], 1, {1}, quantised ? 0.5f : 0.0f, 0, INPUT, -1, NULL, 0};
    const struct operand flag = {ANEURALNETWORKS_TENSOR_BOOL8, 1, {1}, 0, 0, INPUT, -1, NULL, 0};
    const struct operand graph = {ANEURALNETWORKS_MODEL, 0, {0}, 0, 0, INPUT, -1, NULL, 0};
    struct operand result = value, result_flag = flag;
    result.place = result_flag.place = RESULT;
    const struct operand greater[] = {value, value, result}, less[] = {value, value, result_flag};
    const int32_t body = truth ? ANEURALNETWORKS_LOGICAL_AND : ANEURALNETWORKS_MAXIMUM;
    const int32_t check = truth ? ANEURALNETWORKS_LOGICAL_AND : ANEURALNETWORKS_LESS;
    ANeuralNetworksModel* step = build(body, 2, 1, greater, NULL);
    ANeuralNetworksModel* going = build(check, 2, 1, less, NULL);
    if (step != NULL && going != NULL) {
      const ANeuralNetworksModel* const branches[] = {step, step};
      const struct operand choice[] = {flag, graph, graph, value, value, result};
      if (takes(device, build(ANEURALNETWORKS_IF, 5, 1, choice, branches)))
        in_if |= types_in(choice, 1) | types_in(&value, 1);
      const ANeuralNetworksModel* const parts[] = {going, step};
      const struct operand loop[] = {graph, graph, value, value, result};
      if (takes(device, build(ANEURALNETWORKS_WHILE, 4, 1, loop, parts)))
        in_while |= types_in(&value, 1);
    }
    if (step != NULL) nnapi.ANeuralNetworksModel_free(step);
    if (going != NULL) nnapi.ANeuralNetworksModel_free(going);
  }
  if (in_if != 0) print_operation("IF", in_if, first);
  if (in_while != 0) print_operation("WHILE", in_while, first);
}

// The device of that name, else the first one; null (and said on stderr) where there is none.
static ANeuralNetworksDevice* find_device(const char* wanted, bool list) {
  uint32_t count = 0;
  nnapi.ANeuralNetworks_getDeviceCount(&count);
  for (uint32_t i = 0; i < count; ++i) {
    ANeuralNetworksDevice* device = NULL;
    const char* name = "";
    nnapi.ANeuralNetworks_getDevice(i, &device);
    nnapi.ANeuralNetworksDevice_getName(device, &name);
    if (list) {
      printf("%s\n", name);
    } else if (wanted == NULL || strcmp(wanted, name) == 0) {
      return device;
    }
  }
  if (!list) fail("there is no device ", wanted != NULL ? wanted : "at all");
  return NULL;
}

int main(int count, char** arguments) {
  const char *library = "libneuralnetworks.so", *wanted = NULL;
  bool list = false;
  for (int i = 1; i < count; ++i) {
    if (strcmp(arguments[i], "--list") == 0) {
      list = true;
    } else if (strcmp(arguments[i], "--library") == 0 && i + 1 < count) {
      library = arguments[++i];
    } else if (strcmp(arguments[i], "--device") == 0 && i + 1 < count) {
      wanted = arguments[++i];
    } else {
      fail("usage: nnapi-probe [--library PATH] [--device NAME] [--list], not ", arguments[i]);
      return 2;
    }
  }
  if (open_library(library) != 0) return 1;
  const ANeuralNetworksDevice* device = find_device(wanted, list);
  if (device == NULL) return list ? 0 : 1;
  const char *name = "", *version = "";
  int64_t level = 0;
  nnapi.ANeuralNetworksDevice_getName(device, &name);
  nnapi.ANeuralNetworksDevice_getVersion(device, &version);
  nnapi.ANeuralNetworksDevice_getFeatureLevel(device, &level);
  printf("{\n  \"name\": \"%s %s\",\n  \"feature_level\": %lld,\n  \"operations\": {", name,
         version, (long long)level);
  bool first = true;
  probe_operations(device, level, &first);
  if (level >= 30 && nnapi.setOperandValueFromModel != NULL) probe_control_flow(device, &first);
  printf("\n  }\n}\n");
  return 0;
}
