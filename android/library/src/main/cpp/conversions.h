// Between Java's objects and the structs of torch_nnapi.h.
#pragma once

#include <jni.h>

#include <string>
#include <vector>

#include "torch_nnapi.h"

namespace torch_nnapi_jni {

// References made while it lives are given back at its end: a call has any number of tensors, and
// references are few.
class LocalFrame {
 public:
  explicit LocalFrame(JNIEnv* env) : env_(env) { env_->PushLocalFrame(16); }
  ~LocalFrame() { env_->PopLocalFrame(nullptr); }
  LocalFrame(const LocalFrame&) = delete;
  LocalFrame& operator=(const LocalFrame&) = delete;

 private:
  JNIEnv* env_;
};

// Throws what the calling thread's last failing call failed with.
void throw_last_error(JNIEnv* env);
void throw_illegal_argument(JNIEnv* env, const std::string& message);

// UTF-8, while JNI's own functions have a variant of it that cannot say every text. Null: empty.
std::string text_of(JNIEnv* env, jstring text);
jstring java_text(JNIEnv* env, const char* text);

// A Java SessionOptions, and the texts that the C struct points to.
class Options {
 public:
  Options(JNIEnv* env, jobject options);
  const torch_nnapi_options* get() const { return &options_; }

 private:
  std::string cache_dir_;
  std::string library_;
  std::string host_library_;
  std::string devices_;
  std::string check_program_;
  torch_nnapi_options options_;
};

// Tensors over the memory of Java's direct buffers, which must stay reachable. Null elements are
// allowed if `optional`. False, with an exception pending, where one cannot be said.
bool tensors_of(JNIEnv* env, jobjectArray tensors, bool optional,
                std::vector<torch_nnapi_tensor>& made);

// A Java Tensor with a copy of the elements; null for null, or with an exception pending.
jobject java_tensor(JNIEnv* env, const torch_nnapi_tensor* tensor);
jobject java_spec(JNIEnv* env, const torch_nnapi_tensor_info& info);
jobject java_operation(JNIEnv* env, const torch_nnapi_operation& operation);

}  // namespace torch_nnapi_jni
