// The native methods of org.torchnnapi.Native: each is one call of torch_nnapi.h.
#include <jni.h>

#include <iterator>
#include <memory>
#include <vector>

#include "conversions.h"
#include "java_objects.h"
#include "torch_nnapi.h"

namespace torch_nnapi_jni {
namespace {

using Tensors = std::vector<torch_nnapi_tensor>;
using InfoOf = torch_nnapi_status (*)(const torch_nnapi_session*, size_t, torch_nnapi_tensor_info*);

torch_nnapi_session* session_of(jlong handle) {
  return reinterpret_cast<torch_nnapi_session*>(handle);
}

torch_nnapi_binding* binding_of(jlong handle) {
  return reinterpret_cast<torch_nnapi_binding*>(handle);
}

// Did the call go well? Otherwise its error is thrown.
bool good(JNIEnv* env, torch_nnapi_status status) {
  if (status == TORCH_NNAPI_OK) return true;
  throw_last_error(env);
  return false;
}

// An array whose elements `make` gives one by one; null, with an exception pending, if one fails.
template <typename Make>
jobjectArray array_of(JNIEnv* env, jclass type, size_t count, Make make) {
  const jobjectArray array = env->NewObjectArray(static_cast<jsize>(count), type, nullptr);
  if (array == nullptr) return nullptr;
  for (size_t place = 0; place < count; ++place) {
    const LocalFrame frame(env);
    const jobject element = make(place);
    if (env->ExceptionCheck()) return nullptr;
    env->SetObjectArrayElement(array, static_cast<jsize>(place), element);
  }
  return array;
}

jlong open_path(JNIEnv* env, jclass, jstring path, jobject options) {
  torch_nnapi_session* session = nullptr;
  const Options asked(env, options);
  const std::string name = text_of(env, path);
  good(env, torch_nnapi_load_path(name.c_str(), asked.get(), &session));
  return reinterpret_cast<jlong>(session);
}

jlong open_descriptor(JNIEnv* env, jclass, jint descriptor, jlong offset, jlong length,
                      jobject options) {
  torch_nnapi_session* session = nullptr;
  const Options asked(env, options);
  good(env, torch_nnapi_load_fd(descriptor, offset, length, asked.get(), &session));
  return reinterpret_cast<jlong>(session);
}

jlong open_buffer(JNIEnv* env, jclass, jobject model, jobject options) {
  torch_nnapi_session* session = nullptr;
  const Options asked(env, options);
  // The Java session keeps the buffer, so nothing is to be released here.
  good(env, torch_nnapi_load_memory(env->GetDirectBufferAddress(model),
                                    static_cast<size_t>(env->GetDirectBufferCapacity(model)),
                                    nullptr, nullptr, asked.get(), &session));
  return reinterpret_cast<jlong>(session);
}

void close_session(JNIEnv*, jclass, jlong handle) { torch_nnapi_session_free(session_of(handle)); }

jint feature_level(JNIEnv*, jclass, jlong handle) {
  return torch_nnapi_feature_level(session_of(handle));
}

jobjectArray methods(JNIEnv* env, jclass, jlong handle) {
  const torch_nnapi_session* session = session_of(handle);
  return array_of(env, java().text, torch_nnapi_method_count(session), [&](size_t place) {
    return java_text(env, torch_nnapi_method_name(session, place));
  });
}

jlong method(JNIEnv* env, jclass, jlong handle, jstring name) {
  torch_nnapi_session* made = nullptr;
  good(env, torch_nnapi_method(session_of(handle), text_of(env, name).c_str(), &made));
  return reinterpret_cast<jlong>(made);
}

jobjectArray specs(JNIEnv* env, jlong handle, size_t count, InfoOf info_of) {
  return array_of(env, java().spec, count, [&](size_t place) -> jobject {
    torch_nnapi_tensor_info info{};
    info.size = sizeof info;
    if (!good(env, info_of(session_of(handle), place, &info))) return nullptr;
    return java_spec(env, info);
  });
}

jobjectArray inputs(JNIEnv* env, jclass, jlong handle) {
  return specs(env, handle, torch_nnapi_input_count(session_of(handle)), torch_nnapi_input_info);
}

jobjectArray outputs(JNIEnv* env, jclass, jlong handle) {
  return specs(env, handle, torch_nnapi_output_count(session_of(handle)), torch_nnapi_output_info);
}

jobjectArray run(JNIEnv* env, jclass, jlong handle, jobjectArray arguments) {
  Tensors given;
  if (!tensors_of(env, arguments, false, given)) return nullptr;
  torch_nnapi_results* made = nullptr;
  if (!good(env, torch_nnapi_run(session_of(handle), given.data(), given.size(), &made))) {
    return nullptr;
  }
  const std::unique_ptr<torch_nnapi_results, decltype(&torch_nnapi_results_free)> results(
      made, torch_nnapi_results_free);
  return array_of(env, java().tensor, torch_nnapi_results_count(made), [&](size_t place) {
    return java_tensor(env, torch_nnapi_results_get(made, place));
  });
}

void cancel(JNIEnv*, jclass, jlong handle, jboolean cancelled) {
  torch_nnapi_cancel(session_of(handle), cancelled);
}

jlong bind(JNIEnv* env, jclass, jlong handle, jobjectArray ins, jobjectArray outs) {
  Tensors given;
  Tensors wanted;
  torch_nnapi_binding* binding = nullptr;
  if (tensors_of(env, ins, false, given) && tensors_of(env, outs, true, wanted)) {
    good(env, torch_nnapi_bind(session_of(handle), given.data(), given.size(), wanted.data(),
                               wanted.size(), &binding));
  }
  return reinterpret_cast<jlong>(binding);
}

void run_binding(JNIEnv* env, jclass, jlong handle) {
  good(env, torch_nnapi_binding_run(binding_of(handle)));
}

jboolean is_direct(JNIEnv*, jclass, jlong handle) {
  return torch_nnapi_binding_is_direct(binding_of(handle)) != 0 ? JNI_TRUE : JNI_FALSE;
}

void unbind(JNIEnv*, jclass, jlong handle) { torch_nnapi_binding_free(binding_of(handle)); }

jobjectArray operations(JNIEnv* env, torch_nnapi_operations* made) {
  const std::unique_ptr<torch_nnapi_operations, decltype(&torch_nnapi_operations_free)> owned(
      made, torch_nnapi_operations_free);
  return array_of(env, java().operation, torch_nnapi_operations_count(made), [&](size_t place) {
    return java_operation(env, *torch_nnapi_operations_get(made, place));
  });
}

jobjectArray placement(JNIEnv* env, jclass, jlong handle) {
  torch_nnapi_operations* made = nullptr;
  if (!good(env, torch_nnapi_placement(session_of(handle), &made))) return nullptr;
  return operations(env, made);
}

jobjectArray profile(JNIEnv* env, jclass, jlong handle, jobjectArray arguments) {
  Tensors given;
  if (!tensors_of(env, arguments, false, given)) return nullptr;
  torch_nnapi_operations* made = nullptr;
  if (!good(env, torch_nnapi_profile(session_of(handle), given.data(), given.size(), &made))) {
    return nullptr;
  }
  return operations(env, made);
}

jstring why_fallback(JNIEnv* env, jclass, jlong handle) {
  return java_text(env, torch_nnapi_why_fallback(session_of(handle)));
}

#define OPTIONS "Lorg/torchnnapi/Native$Options;"
#define TENSORS "[Lorg/torchnnapi/Tensor;"
#define SPECS "[Lorg/torchnnapi/TensorSpec;"
#define OPERATIONS "[Lorg/torchnnapi/Operation;"

struct Method {
  const char* name;
  const char* signature;
  void* function;
};

const Method kMethods[] = {
    {"openPath", "(Ljava/lang/String;" OPTIONS ")J", reinterpret_cast<void*>(open_path)},
    {"openDescriptor", "(IJJ" OPTIONS ")J", reinterpret_cast<void*>(open_descriptor)},
    {"openBuffer", "(Ljava/nio/ByteBuffer;" OPTIONS ")J", reinterpret_cast<void*>(open_buffer)},
    {"close", "(J)V", reinterpret_cast<void*>(close_session)},
    {"featureLevel", "(J)I", reinterpret_cast<void*>(feature_level)},
    {"methods", "(J)[Ljava/lang/String;", reinterpret_cast<void*>(methods)},
    {"method", "(JLjava/lang/String;)J", reinterpret_cast<void*>(method)},
    {"inputs", "(J)" SPECS, reinterpret_cast<void*>(inputs)},
    {"outputs", "(J)" SPECS, reinterpret_cast<void*>(outputs)},
    {"run", "(J" TENSORS ")" TENSORS, reinterpret_cast<void*>(run)},
    {"cancel", "(JZ)V", reinterpret_cast<void*>(cancel)},
    {"bind", "(J" TENSORS TENSORS ")J", reinterpret_cast<void*>(bind)},
    {"runBinding", "(J)V", reinterpret_cast<void*>(run_binding)},
    {"isDirect", "(J)Z", reinterpret_cast<void*>(is_direct)},
    {"unbind", "(J)V", reinterpret_cast<void*>(unbind)},
    {"placement", "(J)" OPERATIONS, reinterpret_cast<void*>(placement)},
    {"profile", "(J" TENSORS ")" OPERATIONS, reinterpret_cast<void*>(profile)},
    {"whyFallback", "(J)Ljava/lang/String;", reinterpret_cast<void*>(why_fallback)},
};

}  // namespace
}  // namespace torch_nnapi_jni

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  using torch_nnapi_jni::kMethods;
  JNIEnv* env = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  if (!torch_nnapi_jni::find_java_objects(env)) return JNI_ERR;
  const jclass native = env->FindClass("org/torchnnapi/Native");
  if (native == nullptr) return JNI_ERR;
  JNINativeMethod methods[std::size(kMethods)];
  for (size_t place = 0; place < std::size(kMethods); ++place) {
    // JDKs want `char*`, Android `const char*`.
    methods[place] = {const_cast<char*>(kMethods[place].name),
                      const_cast<char*>(kMethods[place].signature), kMethods[place].function};
  }
  const jint count = static_cast<jint>(std::size(kMethods));
  return env->RegisterNatives(native, methods, count) == JNI_OK ? JNI_VERSION_1_6 : JNI_ERR;
}
