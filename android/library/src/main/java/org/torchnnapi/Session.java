package org.torchnnapi;

import java.io.File;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;

/**
 * A {@code .nnapi} model, ready to run.
 *
 * <p>Loading and running block: on Android call them away from the main thread (in Kotlin, within
 * {@code withContext(Dispatchers.Default)}). Threads may share a session. {@link #close} waits for the runs
 * under way; what is called after it throws {@link IllegalStateException}.
 *
 * <pre>{@code
 * try (Session session = Session.load(file, new SessionOptions().cacheDir(context.getCodeCacheDir()))) {
 *   float[] scores = session.run(Tensor.of(pixels, 1, 3, 224, 224))[0].floats();
 * }
 * }</pre>
 */
public final class Session implements AutoCloseable {
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;
  private final ByteBuffer model; // kept: the native side reads its memory. Null: there is none
  private long handle; // 0: closed; guarded by the lock

  private Session(long handle, ByteBuffer model) {
    this.handle = handle;
    this.model = model;
    this.inputs = Collections.unmodifiableList(Arrays.asList(Native.inputs(handle)));
    this.outputs = Collections.unmodifiableList(Arrays.asList(Native.outputs(handle)));
  }

  /** Loads a file with the default options; see {@link #load(File, SessionOptions)}. */
  public static Session load(File file) {
    return load(file, new SessionOptions());
  }

  /**
   * Loads a file. Its weights are mapped, so it must not change while the session is open.
   *
   * @throws NnapiException where the file is damaged or cannot run here; the message says why
   */
  public static Session load(File file, SessionOptions options) {
    return new Session(Native.openPath(file.getPath(), new Native.Options(options)), null);
  }

  /**
   * Loads a model that lies within an open file, such as an asset that is stored uncompressed in an APK:
   *
   * <pre>{@code
   * try (AssetFileDescriptor asset = context.getAssets().openFd("model.nnapi")) {
   *   session = Session.load(asset.getParcelFileDescriptor().getFd(), asset.getStartOffset(),
   *       asset.getLength(), options);
   * }
   * }</pre>
   *
   * @param descriptor an open file; the caller may close it afterwards
   * @param offset where the model begins in the file, in bytes
   * @param length the size of the model, in bytes
   * @throws NnapiException where the file is damaged or cannot run here
   */
  public static Session load(int descriptor, long offset, long length, SessionOptions options) {
    if (descriptor < 0 || offset < 0 || length < 0) {
      throw new IllegalArgumentException(
          "descriptor " + descriptor + ", offset " + offset + ", length " + length
              + ": none may be negative");
    }
    Native.Options asked = new Native.Options(options);
    return new Session(Native.openDescriptor(descriptor, offset, length, asked), null);
  }

  /**
   * Loads a model from memory, which must not change while the session is open.
   *
   * @param model a direct buffer: from its position to its limit it holds a {@code .nnapi} file
   * @throws NnapiException where the file is damaged or cannot run here
   */
  public static Session load(ByteBuffer model, SessionOptions options) {
    if (!model.isDirect()) {
      throw new IllegalArgumentException("the buffer is not direct; use ByteBuffer.allocateDirect");
    }
    ByteBuffer file = model.slice();
    return new Session(Native.openBuffer(file, new Native.Options(options)), file);
  }

  /** NNAPI's feature level that the model needs. */
  public int featureLevel() {
    return whileOpen(Native::featureLevel);
  }

  /** The methods of the file, in order; of a file of one model: {@code "forward"}. */
  public List<String> methods() {
    return whileOpen(open -> Collections.unmodifiableList(Arrays.asList(Native.methods(open))));
  }

  /**
   * This session as one of its methods. A file of several methods runs through these alone: its own session has neither
   * {@link #inputs} nor {@link #outputs}. They share weights, and what the model remembers. Of a method that was made for
   * several sizes, the specs have the shapes of the first.
   *
   * @return a session to be closed, before or after this one
   * @throws IllegalArgumentException where the file has no method of this name
   */
  public Session method(String name) {
    Objects.requireNonNull(name, "name");
    return whileOpen(open -> new Session(Native.method(open, name), model));
  }

  /** What the model takes, in the order of its arguments. */
  public List<TensorSpec> inputs() {
    return inputs;
  }

  /** What the model gives: what it returns, and then the new values of arguments that it writes into. */
  public List<TensorSpec> outputs() {
    return outputs;
  }

  /**
   * Runs the model. Blocks until the results are there.
   *
   * @param arguments one tensor for each of {@link #inputs}, in that order
   * @return one tensor for each of {@link #outputs}, over memory of its own; null for one that is None
   * @throws IllegalArgumentException where an argument has another type or shape than the model takes
   * @throws NnapiException where the run fails
   */
  public Tensor[] run(Tensor... arguments) {
    return whileOpen(open -> Native.run(open, arguments));
  }

  /**
   * Runs the model with arguments by name.
   *
   * @param arguments a tensor for the name of each of {@link #inputs}
   * @return a tensor for the name of each of {@link #outputs}, in order, but for those that are None
   * @throws IllegalArgumentException where a name is missing or unknown, or a tensor does not fit
   * @throws NnapiException where the run fails
   */
  public Map<String, Tensor> run(Map<String, Tensor> arguments) {
    Tensor[] ordered = new Tensor[inputs.size()];
    for (int place = 0; place < ordered.length; ++place) {
      ordered[place] = arguments.get(inputs.get(place).name());
    }
    if (arguments.size() != ordered.length || Arrays.asList(ordered).contains(null)) {
      throw new IllegalArgumentException(
          "the model takes " + inputs + ", not " + arguments.keySet());
    }
    Tensor[] results = run(ordered);
    Map<String, Tensor> named = new LinkedHashMap<>();
    for (int place = 0; place < results.length; ++place) {
      if (results[place] != null) {
        named.put(outputs.get(place).name(), results[place]);
      }
    }
    return named;
  }

  /**
   * Tensors that stay in one place for many runs, of the shapes of {@link #inputs} and {@link #outputs}.
   *
   * @throws IllegalArgumentException where a shape is free; {@link #bind(Tensor[], Tensor[])} takes tensors
   */
  public Binding bind() {
    return bind(allocated(inputs), allocated(outputs));
  }

  /**
   * Tensors that stay in one place for many runs.
   *
   * @param ins one for each of {@link #inputs}
   * @param outs one for each of {@link #outputs}, of the size that these inputs give; null where it is not wanted
   * @throws IllegalArgumentException where they do not fit the model
   */
  public Binding bind(Tensor[] ins, Tensor[] outs) {
    return whileOpen(open -> new Binding(this, Native.bind(open, ins, outs), ins, outs));
  }

  private static Tensor[] allocated(List<TensorSpec> specs) {
    Tensor[] tensors = new Tensor[specs.size()];
    for (int place = 0; place < tensors.length; ++place) {
      TensorSpec spec = specs.get(place);
      if (!spec.isFixed()) {
        throw new IllegalArgumentException(
            spec + " has a free size; give bind the tensors for the sizes you mean");
      }
      tensors[place] = spec.type() == null ? null : Tensor.allocate(spec.type(), spec.shape());
    }
    return tensors;
  }

  /**
   * Makes the runs under way end with an {@link NnapiException}, before their next piece or round of a loop.
   *
   * @param cancelled false: runs that begin from now on go through again
   */
  public void cancel(boolean cancelled) {
    whileOpen(
        open -> {
          Native.cancel(open, cancelled);
          return null;
        });
  }

  /** Which library runs each operation, and why not the one that it was meant for. */
  public List<Operation> placement() {
    return whileOpen(open -> Collections.unmodifiableList(Arrays.asList(Native.placement(open))));
  }

  /**
   * Runs once more, and says what each operation took. Only our own library measures single operations.
   *
   * @param arguments as for {@link #run(Tensor...)}
   */
  public List<Operation> profile(Tensor... arguments) {
    return whileOpen(
        open -> Collections.unmodifiableList(Arrays.asList(Native.profile(open, arguments))));
  }

  /** Why some of the model runs on our own library rather than on the phone's; empty where nothing does. */
  public String whyFallback() {
    return whileOpen(Native::whyFallback);
  }

  /** Waits for the runs under way, and frees what the session holds. Closing twice does nothing. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        Native.close(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Does something with the handle, which no other thread closes meanwhile. */
  <R> R whileOpen(LongFunction<R> task) {
    lock.readLock().lock();
    try {
      if (handle == 0) {
        throw new IllegalStateException("the session is closed");
      }
      return task.apply(handle);
    } finally {
      lock.readLock().unlock();
    }
  }
}
