package org.torchnnapi;

import java.nio.ByteBuffer;

/** The functions of {@code libtorch_nnapi_jni.so}. Handles are pointers; who calls keeps them alive. */
final class Native {
  static {
    System.loadLibrary("torch_nnapi_jni");
  }

  private Native() {}

  static native long openPath(String path, Options options);

  static native long openDescriptor(int descriptor, long offset, long length, Options options);

  /** The buffer must be reachable, and unchanged, until {@code close}. */
  static native long openBuffer(ByteBuffer model, Options options);

  static native void close(long session);

  static native int featureLevel(long session);

  static native String[] methods(long session);

  /** A session of its own, to be closed. */
  static native long method(long session, String name);

  static native TensorSpec[] inputs(long session);

  static native TensorSpec[] outputs(long session);

  /** One tensor a result; null for one that is None. */
  static native Tensor[] run(long session, Tensor[] inputs);

  static native void cancel(long session, boolean cancelled);

  /** The tensors must be reachable until {@code unbind}. */
  static native long bind(long session, Tensor[] inputs, Tensor[] outputs);

  static native void runBinding(long binding);

  static native boolean isDirect(long binding);

  static native void unbind(long binding);

  static native Operation[] placement(long session);

  static native Operation[] profile(long session, Tensor[] inputs);

  /** Empty where nothing falls back. */
  static native String whyFallback(long session);

  /** {@link SessionOptions} as the C API has them. */
  static final class Options {
    final int numThreads;
    final int preference;
    final int priority;
    final int fallback;
    final long timeoutNanos;
    final long loopTimeoutNanos;
    final String cacheDir;
    final String library;
    final String hostLibrary;
    final String devices;
    final boolean checkDriver;
    final long checkTimeoutNanos;
    final String checkProgram;

    Options(SessionOptions options) {
      numThreads = options.numThreads;
      preference = options.preference.code;
      priority = options.priority.code;
      fallback = options.fallback.code;
      timeoutNanos = options.timeoutNanos;
      loopTimeoutNanos = options.loopTimeoutNanos;
      cacheDir = options.cacheDir;
      library = options.library;
      hostLibrary = options.hostLibrary;
      devices = options.devices;
      checkDriver = options.checkDriver;
      checkTimeoutNanos = options.checkTimeoutNanos;
      checkProgram = options.checkProgram;
    }
  }
}
