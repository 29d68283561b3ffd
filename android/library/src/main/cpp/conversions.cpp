#include "conversions.h"

#include <cstring>

#include "java_objects.h"

namespace torch_nnapi_jni {
namespace {

jlongArray java_shape(JNIEnv* env, const int64_t* sizes, int32_t rank) {
  jlongArray shape = env->NewLongArray(rank);
  if (shape != nullptr) {
    static_assert(sizeof(jlong) == sizeof(int64_t));
    env->SetLongArrayRegion(shape, 0, rank, reinterpret_cast<const jlong*>(sizes));
  }
  return shape;
}

// The dtype that torch calls so; false for a name that the C API has not.
bool dtype_of(const std::string& name, torch_nnapi_dtype& dtype) {
  for (int code = TORCH_NNAPI_BOOL; code <= TORCH_NNAPI_FLOAT64; ++code) {
    dtype = static_cast<torch_nnapi_dtype>(code);
    if (name == torch_nnapi_dtype_name(dtype)) return true;
  }
  return false;
}

const char* null_if_empty(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

bool tensor_of(JNIEnv* env, jobject tensor, torch_nnapi_tensor& made) {
  const JavaObjects& names = java();
  const auto shape = static_cast<jlongArray>(env->GetObjectField(tensor, names.tensor_shape));
  const jsize rank = env->GetArrayLength(shape);
  if (rank > TORCH_NNAPI_MAX_RANK) {
    throw_illegal_argument(env, "a tensor has " + std::to_string(rank) + " dimensions; at most " +
                                    std::to_string(TORCH_NNAPI_MAX_RANK) + " are possible");
    return false;
  }
  const jobject type = env->GetObjectField(tensor, names.tensor_type);
  const auto name = static_cast<jstring>(env->CallObjectMethod(type, names.data_type_name));
  if (env->ExceptionCheck()) return false;
  const std::string type_name = text_of(env, name);
  if (!dtype_of(type_name, made.dtype)) {
    throw_illegal_argument(env, "no tensors of dtype " + type_name);
    return false;
  }
  const jobject bytes = env->GetObjectField(tensor, names.tensor_bytes);
  made.size = sizeof made;
  made.rank = rank;
  env->GetLongArrayRegion(shape, 0, rank, reinterpret_cast<jlong*>(made.shape));
  made.data = env->GetDirectBufferAddress(bytes);
  made.bytes = static_cast<size_t>(env->GetDirectBufferCapacity(bytes));
  return true;
}

}  // namespace

void throw_illegal_argument(JNIEnv* env, const std::string& message) {
  const jstring text = java_text(env, message.c_str());
  const jmethodID init =
      env->GetMethodID(java().illegal_argument, "<init>", "(Ljava/lang/String;)V");
  if (text == nullptr || init == nullptr) return;
  const jobject thrown = env->NewObject(java().illegal_argument, init, text);
  if (thrown != nullptr) env->Throw(static_cast<jthrowable>(thrown));
}

void throw_last_error(JNIEnv* env) {
  const torch_nnapi_error* error = torch_nnapi_last_error();
  if (error->status == TORCH_NNAPI_BAD_ARGUMENT) {
    throw_illegal_argument(env, error->message);
    return;
  }
  if (error->status == TORCH_NNAPI_OUT_OF_MEMORY) {
    env->ThrowNew(java().out_of_memory, error->message);
    return;
  }
  jstring texts[] = {java_text(env, error->message), java_text(env, error->call),
                     java_text(env, error->code), java_text(env, error->node),
                     java_text(env, error->source)};
  if (env->ExceptionCheck()) return;
  const jobject thrown = env->NewObject(java().nnapi_exception, java().nnapi_exception_init,
                                        texts[0], texts[1], texts[2], texts[3], texts[4]);
  if (thrown != nullptr) env->Throw(static_cast<jthrowable>(thrown));
}

std::string text_of(JNIEnv* env, jstring text) {
  if (text == nullptr) return {};
  const jsize length = env->GetStringLength(text);
  std::u16string units(static_cast<size_t>(length), u'\0');
  env->GetStringRegion(text, 0, length, reinterpret_cast<jchar*>(units.data()));
  std::string bytes;
  for (size_t place = 0; place < units.size(); ++place) {
    char32_t point = units[place];
    if (point >= 0xD800 && point < 0xDC00 && place + 1 < units.size()) {
      point = 0x10000 + ((point - 0xD800) << 10) + (units[++place] - 0xDC00);
    }
    if (point < 0x80) {
      bytes += static_cast<char>(point);
    } else if (point < 0x800) {
      bytes += static_cast<char>(0xC0 | point >> 6);
      bytes += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      bytes += static_cast<char>(0xE0 | point >> 12);
      bytes += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      bytes += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      bytes += static_cast<char>(0xF0 | point >> 18);
      bytes += static_cast<char>(0x80 | (point >> 12 & 0x3F));
      bytes += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      bytes += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  return bytes;
}

jstring java_text(JNIEnv* env, const char* text) {
  std::u16string units;
  const auto* byte = reinterpret_cast<const unsigned char*>(text);
  const auto* end = byte + std::strlen(text);
  while (byte < end) {
    const int following = *byte < 0x80 ? 0 : *byte < 0xE0 ? 1 : *byte < 0xF0 ? 2 : 3;
    if (end - byte <= following || (*byte >= 0x80 && *byte < 0xC2)) {
      units += u'\uFFFD';  // no UTF-8
      ++byte;
      continue;
    }
    char32_t point = following == 0 ? *byte : *byte & (0x3F >> following);
    for (int more = 0; more < following; ++more) point = point << 6 | (*++byte & 0x3F);
    ++byte;
    if (point < 0x10000) {
      units += static_cast<char16_t>(point);
    } else {
      units += static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10));
      units += static_cast<char16_t>(0xDC00 + (point & 0x3FF));
    }
  }
  return env->NewString(reinterpret_cast<const jchar*>(units.data()),
                        static_cast<jsize>(units.size()));
}

Options::Options(JNIEnv* env, jobject options) {
  const JavaObjects& names = java();
  const auto text = [&](jfieldID field) {
    return text_of(env, static_cast<jstring>(env->GetObjectField(options, field)));
  };
  cache_dir_ = text(names.options_cache_dir);
  library_ = text(names.options_library);
  host_library_ = text(names.options_host_library);
  devices_ = text(names.options_devices);
  check_program_ = text(names.options_check_program);
  torch_nnapi_options_init(&options_, sizeof options_);
  options_.num_threads = env->GetIntField(options, names.options_num_threads);
  options_.preference =
      static_cast<torch_nnapi_preference>(env->GetIntField(options, names.options_preference));
  options_.priority =
      static_cast<torch_nnapi_priority>(env->GetIntField(options, names.options_priority));
  options_.fallback =
      static_cast<torch_nnapi_fallback>(env->GetIntField(options, names.options_fallback));
  options_.timeout_ns = static_cast<uint64_t>(env->GetLongField(options, names.options_timeout));
  options_.loop_timeout_ns =
      static_cast<uint64_t>(env->GetLongField(options, names.options_loop_timeout));
  options_.cache_dir = null_if_empty(cache_dir_);
  options_.library = null_if_empty(library_);
  options_.host_library = null_if_empty(host_library_);
  options_.devices = null_if_empty(devices_);
  options_.check_driver = env->GetBooleanField(options, names.options_check_driver) ? 1 : 0;
  options_.check_timeout_ns =
      static_cast<uint64_t>(env->GetLongField(options, names.options_check_timeout));
  options_.check_program = null_if_empty(check_program_);
}

bool tensors_of(JNIEnv* env, jobjectArray tensors, bool optional,
                std::vector<torch_nnapi_tensor>& made) {
  const jsize count = env->GetArrayLength(tensors);
  torch_nnapi_tensor absent{};
  absent.size = sizeof absent;
  made.assign(static_cast<size_t>(count), absent);
  for (jsize place = 0; place < count; ++place) {
    const LocalFrame frame(env);
    const jobject tensor = env->GetObjectArrayElement(tensors, place);
    if (tensor == nullptr && !optional) {
      throw_illegal_argument(env, "tensor " + std::to_string(place) + " is null");
      return false;
    }
    if (tensor != nullptr && !tensor_of(env, tensor, made[static_cast<size_t>(place)])) {
      return false;
    }
  }
  return true;
}

jobject java_tensor(JNIEnv* env, const torch_nnapi_tensor* tensor) {
  if (tensor == nullptr) return nullptr;
  const JavaObjects& names = java();
  const jstring name = java_text(env, torch_nnapi_dtype_name(tensor->dtype));
  if (name == nullptr) return nullptr;
  const jobject type = env->CallStaticObjectMethod(names.data_type, names.data_type_of, name);
  if (env->ExceptionCheck()) return nullptr;
  const jlongArray shape = java_shape(env, tensor->shape, tensor->rank);
  if (shape == nullptr) return nullptr;
  const jobject made =
      env->CallStaticObjectMethod(names.tensor, names.tensor_allocate, type, shape);
  if (env->ExceptionCheck()) return nullptr;
  const jobject bytes = env->GetObjectField(made, names.tensor_bytes);
  std::memcpy(env->GetDirectBufferAddress(bytes), tensor->data, tensor->bytes);
  return made;
}

jobject java_spec(JNIEnv* env, const torch_nnapi_tensor_info& info) {
  const jstring name = java_text(env, info.name);
  const jstring type = info.is_none ? nullptr : java_text(env, torch_nnapi_dtype_name(info.dtype));
  const jlongArray shape = java_shape(env, info.shape, info.rank);
  const jlongArray example = java_shape(env, info.example, info.rank);
  if (env->ExceptionCheck()) return nullptr;
  return env->NewObject(java().spec, java().spec_init, name, type, shape, example, info.scale,
                        static_cast<jlong>(info.zero_point));
}

jobject java_operation(JNIEnv* env, const torch_nnapi_operation& operation) {
  jstring texts[] = {java_text(env, operation.node), java_text(env, operation.target),
                     java_text(env, operation.source), java_text(env, operation.library),
                     java_text(env, operation.reason)};
  if (env->ExceptionCheck()) return nullptr;
  return env->NewObject(java().operation, java().operation_init, operation.code, texts[0], texts[1],
                        texts[2], texts[3], texts[4], static_cast<jlong>(operation.nanoseconds));
}

}  // namespace torch_nnapi_jni
