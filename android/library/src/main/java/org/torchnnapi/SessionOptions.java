package org.torchnnapi;

import java.io.File;
import java.time.Duration;
import java.util.Objects;

/** How a model is loaded and run. Every setter gives the options back, so that calls can be chained. */
public final class SessionOptions {
  /** What a driver should aim for; NNAPI's own three. */
  public enum Preference {
    LOW_POWER(0),
    FAST_SINGLE_ANSWER(1),
    SUSTAINED_SPEED(2);

    final int code;

    Preference(int code) {
      this.code = code;
    }
  }

  /** Whose turn it is where apps share a device; heeded from Android 11 on. */
  public enum Priority {
    /** What the library does where nobody asks. */
    DEFAULT(0),
    LOW(90),
    MEDIUM(100),
    HIGH(110);

    final int code;

    Priority(int code) {
      this.code = code;
    }
  }

  /** What runs the pieces that the phone's NNAPI does not take. */
  public enum Fallback {
    /** Nothing: loading fails, and says why. */
    NONE(0),
    /** Our own library, which is shipped beside: on the processor. */
    HOST(1);

    final int code;

    Fallback(int code) {
      this.code = code;
    }
  }

  int numThreads;
  Preference preference = Preference.SUSTAINED_SPEED;
  Priority priority = Priority.DEFAULT;
  Fallback fallback = Fallback.HOST;
  long timeoutNanos;
  long loopTimeoutNanos;
  String cacheDir;
  String library;
  String hostLibrary;
  String devices;
  boolean checkDriver;
  long checkTimeoutNanos;
  String checkProgram;

  /** How many threads our own library computes with, at most; all cores where it is not said. */
  public SessionOptions numThreads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("numThreads is " + threads + "; it must be at least 1");
    }
    numThreads = threads;
    return this;
  }

  /** What a driver should aim for: {@link Preference#SUSTAINED_SPEED} where it is not said. */
  public SessionOptions preference(Preference wanted) {
    preference = Objects.requireNonNull(wanted);
    return this;
  }

  /** Whose turn it is: {@link Priority#DEFAULT} where it is not said. */
  public SessionOptions priority(Priority wanted) {
    priority = Objects.requireNonNull(wanted);
    return this;
  }

  /** What runs what NNAPI does not take: {@link Fallback#HOST} where it is not said. */
  public SessionOptions fallback(Fallback wanted) {
    fallback = Objects.requireNonNull(wanted);
    return this;
  }

  /** How long a run may take before it fails; without limit where it is not said. */
  public SessionOptions timeout(Duration limit) {
    timeoutNanos = positive("timeout", limit);
    return this;
  }

  /** How long one loop of a model may take: NNAPI's 2 seconds where it is not said. */
  public SessionOptions loopTimeout(Duration limit) {
    loopTimeoutNanos = positive("loopTimeout", limit);
    return this;
  }

  private static long positive(String name, Duration limit) {
    if (limit.isZero() || limit.isNegative()) {
      throw new IllegalArgumentException(name + " is " + limit + "; it must be above 0");
    }
    return limit.toNanos();
  }

  /**
   * Where what compiling made is kept for the next start. On Android the app's {@code getCodeCacheDir()}, which
   * the system empties when the app is updated.
   */
  public SessionOptions cacheDir(File folder) {
    cacheDir = folder.getPath();
    return this;
  }

  /** Another NNAPI library than the phone's own: a name or a path for dlopen. */
  public SessionOptions library(String nameOrPath) {
    library = Objects.requireNonNull(nameOrPath);
    return this;
  }

  /** Another library for the fallback than the one that is shipped beside: a name or a path. */
  public SessionOptions hostLibrary(String nameOrPath) {
    hostLibrary = Objects.requireNonNull(nameOrPath);
    return this;
  }

  /**
   * Which of the library's devices may run the model: by name, or all of a type ("npu", "gpu", "cpu"); the
   * library chooses where it is not said.
   */
  public SessionOptions devices(String... namesOrTypes) {
    for (String one : namesOrTypes) {
      if (one.isEmpty() || one.indexOf('\n') >= 0) {
        throw new IllegalArgumentException("'" + one + "' is no name of a device");
      }
    }
    devices = String.join("\n", namesOrTypes);
    return this;
  }

  /**
   * Whether the library's driver is tried with the model first, in a process of its own; one that crashes, hangs,
   * fails or is wrong then counts as one that refuses the model. Only for models that are loaded from a file that is
   * none of a package's assets.
   */
  public SessionOptions checkDriver(boolean wanted) {
    checkDriver = wanted;
    return this;
  }

  /** How long that may take: 60 seconds where it is not said. */
  public SessionOptions checkTimeout(Duration limit) {
    checkTimeoutNanos = positive("checkTimeout", limit);
    return this;
  }

  /** Another program for that than the one that is shipped beside: its path. */
  public SessionOptions checkProgram(String path) {
    checkProgram = Objects.requireNonNull(path);
    return this;
  }
}
