/* Runs a .nnapi file through the C API: run_file MODEL HOW INPUT... OUTPUT_PREFIX. Inputs are files
 * of the elements' bytes, of the shapes on stdin (one line each: rank and dimensions); results are
 * written to OUTPUT_PREFIX0, 1, ... and described on stdout. HOW: run, into or bind. DEVICES in the
 * environment: those devices alone, once they are checked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torch_nnapi.h"

static void check(torch_nnapi_status status) {
  if (status == TORCH_NNAPI_OK) return;
  const torch_nnapi_error* error = torch_nnapi_last_error();
  fprintf(stderr, "%d %s|%s|%s\n", error->status, error->message, error->node, error->source);
  exit(1);
}

static void* read_all(const char* path, size_t* bytes) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) exit(2);
  fseek(file, 0, SEEK_END);
  *bytes = (size_t)ftell(file);
  rewind(file);
  void* data = malloc(*bytes + 1);
  if (fread(data, 1, *bytes, file) != *bytes) exit(2);
  fclose(file);
  return data;
}

static void write_result(const char* prefix, size_t number, const torch_nnapi_tensor* result) {
  char path[4096];
  printf("%s", torch_nnapi_dtype_name(result->dtype));
  for (int32_t i = 0; i < result->rank; ++i) printf(" %" PRId64, result->shape[i]);
  printf("\n");
  snprintf(path, sizeof path, "%s%zu", prefix, number);
  FILE* file = fopen(path, "wb");
  if (file == NULL || fwrite(result->data, 1, result->bytes, file) != result->bytes) exit(2);
  fclose(file);
}

int main(int count, char** arguments) {
  if (count < 4 || torch_nnapi_version() / 1000 != TORCH_NNAPI_VERSION / 1000) return 2;
  torch_nnapi_options options;
  torch_nnapi_options_init(&options, sizeof options);
  options.devices = getenv("DEVICES");
  options.check_driver = options.devices != NULL;
  torch_nnapi_session* session = NULL;
  check(torch_nnapi_load_path(arguments[1], &options, &session));

  const size_t inputs = torch_nnapi_input_count(session);
  if ((size_t)count != inputs + 4) return 2;
  torch_nnapi_tensor* given = calloc(inputs + 1, sizeof *given);
  for (size_t i = 0; i < inputs; ++i) {
    torch_nnapi_tensor_info info;
    info.size = sizeof info;
    check(torch_nnapi_input_info(session, i, &info));
    given[i].size = sizeof *given;
    given[i].dtype = info.dtype;
    if (scanf("%" SCNd32, &given[i].rank) != 1) return 2;
    for (int32_t k = 0; k < given[i].rank; ++k) {
      if (scanf("%" SCNd64, &given[i].shape[k]) != 1) return 2;
    }
    given[i].data = read_all(arguments[3 + i], &given[i].bytes);
  }

  const size_t outputs = torch_nnapi_output_count(session);
  const char* prefix = arguments[count - 1];
  torch_nnapi_results* results = NULL;
  check(torch_nnapi_run(session, given, inputs, &results));
  if (torch_nnapi_results_count(results) != outputs) return 3;
  torch_nnapi_tensor* places = calloc(outputs + 1, sizeof *places);
  for (size_t i = 0; i < outputs; ++i) {
    const torch_nnapi_tensor* result = torch_nnapi_results_get(results, i);
    places[i].size = sizeof *places;
    if (result == NULL) continue;
    places[i] = *result;
    places[i].data = malloc(result->bytes + 1);
  }
  if (strcmp(arguments[2], "into") == 0) {
    check(torch_nnapi_run_into(session, given, inputs, places, outputs));
  } else if (strcmp(arguments[2], "bind") == 0) {
    torch_nnapi_binding* binding = NULL;
    check(torch_nnapi_bind(session, given, inputs, places, outputs, &binding));
    check(torch_nnapi_binding_run(binding));
    check(torch_nnapi_binding_run(binding));
    printf("direct %d\n", torch_nnapi_binding_is_direct(binding));
    torch_nnapi_binding_free(binding);
  } else {
    for (size_t i = 0; i < outputs; ++i) {
      if (places[i].data == NULL) continue;
      memcpy(places[i].data, torch_nnapi_results_get(results, i)->data, places[i].bytes);
    }
  }
  torch_nnapi_results_free(results);
  for (size_t i = 0; i < outputs; ++i) {
    if (places[i].data == NULL) {
      printf("None\n");
    } else {
      write_result(prefix, i, &places[i]);
    }
    free(places[i].data);
  }
  for (size_t i = 0; i < inputs; ++i) free(given[i].data);
  free(given);
  free(places);
  torch_nnapi_session_free(session);
  return 0;
}
