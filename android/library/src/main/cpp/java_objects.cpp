#include "java_objects.h"

namespace torch_nnapi_jni {
namespace {

JavaObjects objects;

// Looks names up one after another; after the first that is missing, nothing more is asked.
class Finder {
 public:
  explicit Finder(JNIEnv* env) : env_(env) {}

  jclass type(const char* name) {
    if (failed()) return nullptr;
    jclass local = env_->FindClass(name);
    if (local == nullptr) return nullptr;
    // Never given back: the library is unloaded with the process.
    const auto kept = static_cast<jclass>(env_->NewGlobalRef(local));
    env_->DeleteLocalRef(local);
    return kept;
  }
  jmethodID method(jclass type, const char* name, const char* signature) {
    return failed() ? nullptr : env_->GetMethodID(type, name, signature);
  }
  jmethodID static_method(jclass type, const char* name, const char* signature) {
    return failed() ? nullptr : env_->GetStaticMethodID(type, name, signature);
  }
  jfieldID field(jclass type, const char* name, const char* signature) {
    return failed() ? nullptr : env_->GetFieldID(type, name, signature);
  }
  bool failed() const { return env_->ExceptionCheck() == JNI_TRUE; }

 private:
  JNIEnv* env_;
};

}  // namespace

bool find_java_objects(JNIEnv* env) {
  Finder find(env);
  JavaObjects& all = objects;
  all.illegal_argument = find.type("java/lang/IllegalArgumentException");
  all.out_of_memory = find.type("java/lang/OutOfMemoryError");
  all.nnapi_exception = find.type("org/torchnnapi/NnapiException");
  all.nnapi_exception_init = find.method(
      all.nnapi_exception, "<init>",
      "(Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;)"
      "V");
  all.text = find.type("java/lang/String");
  all.spec = find.type("org/torchnnapi/TensorSpec");
  all.spec_init = find.method(all.spec, "<init>", "(Ljava/lang/String;Ljava/lang/String;[J[JDJ)V");
  all.operation = find.type("org/torchnnapi/Operation");
  all.operation_init =
      find.method(all.operation, "<init>",
                  "(ILjava/lang/String;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;"
                  "Ljava/lang/String;J)V");
  all.data_type = find.type("org/torchnnapi/DataType");
  all.data_type_of =
      find.static_method(all.data_type, "of", "(Ljava/lang/String;)Lorg/torchnnapi/DataType;");
  all.data_type_name = find.method(all.data_type, "torchName", "()Ljava/lang/String;");
  all.tensor = find.type("org/torchnnapi/Tensor");
  all.tensor_allocate = find.static_method(all.tensor, "allocate",
                                           "(Lorg/torchnnapi/DataType;[J)Lorg/torchnnapi/Tensor;");
  all.tensor_type = find.field(all.tensor, "type", "Lorg/torchnnapi/DataType;");
  all.tensor_shape = find.field(all.tensor, "shape", "[J");
  all.tensor_bytes = find.field(all.tensor, "bytes", "Ljava/nio/ByteBuffer;");
  const jclass options = find.type("org/torchnnapi/Native$Options");
  all.options_num_threads = find.field(options, "numThreads", "I");
  all.options_preference = find.field(options, "preference", "I");
  all.options_priority = find.field(options, "priority", "I");
  all.options_fallback = find.field(options, "fallback", "I");
  all.options_timeout = find.field(options, "timeoutNanos", "J");
  all.options_loop_timeout = find.field(options, "loopTimeoutNanos", "J");
  all.options_cache_dir = find.field(options, "cacheDir", "Ljava/lang/String;");
  all.options_library = find.field(options, "library", "Ljava/lang/String;");
  all.options_host_library = find.field(options, "hostLibrary", "Ljava/lang/String;");
  all.options_devices = find.field(options, "devices", "Ljava/lang/String;");
  all.options_check_driver = find.field(options, "checkDriver", "Z");
  all.options_check_timeout = find.field(options, "checkTimeoutNanos", "J");
  all.options_check_program = find.field(options, "checkProgram", "Ljava/lang/String;");
  return !find.failed();
}

const JavaObjects& java() { return objects; }

}  // namespace torch_nnapi_jni
