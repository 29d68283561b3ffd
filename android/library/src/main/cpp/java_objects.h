// The classes, fields and constructors of org.torchnnapi that the native side uses, looked up once.
#pragma once

#include <jni.h>

namespace torch_nnapi_jni {

struct JavaObjects {
  jclass illegal_argument;
  jclass out_of_memory;
  jclass nnapi_exception;
  jmethodID nnapi_exception_init;
  jclass text;
  jclass spec;
  jmethodID spec_init;
  jclass operation;
  jmethodID operation_init;
  jclass data_type;
  jmethodID data_type_of;
  jmethodID data_type_name;
  jclass tensor;
  jmethodID tensor_allocate;
  jfieldID tensor_type;
  jfieldID tensor_shape;
  jfieldID tensor_bytes;
  jfieldID options_num_threads;
  jfieldID options_preference;
  jfieldID options_priority;
  jfieldID options_fallback;
  jfieldID options_timeout;
  jfieldID options_loop_timeout;
  jfieldID options_cache_dir;
  jfieldID options_library;
  jfieldID options_host_library;
  jfieldID options_devices;
  jfieldID options_check_driver;
  jfieldID options_check_timeout;
  jfieldID options_check_program;
};

// Looks all of them up; false, with an exception pending, where one is missing. Called when the
// library is loaded, before any other function.
bool find_java_objects(JNIEnv* env);

const JavaObjects& java();

}  // namespace torch_nnapi_jni
