package org.torchnnapi;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Tensors that stay in one place for many runs: what is written into {@link #inputs} is read by the next
 * {@link #run}, which writes {@link #outputs}. Made by {@link Session#bind()}.
 *
 * <p>One thread at a time runs a binding; others wait. Closing the session closes its bindings' use.
 */
public final class Binding implements AutoCloseable {
  private final Session session;
  private final List<Tensor> inputs; // kept: the native side reads and writes their memory
  private final List<Tensor> outputs;
  private long handle; // 0: closed; guarded by this

  Binding(Session session, long handle, Tensor[] inputs, Tensor[] outputs) {
    this.session = session;
    this.handle = handle;
    this.inputs = Collections.unmodifiableList(Arrays.asList(inputs.clone()));
    this.outputs = Collections.unmodifiableList(Arrays.asList(outputs.clone()));
  }

  /** What the next run reads, in the order of {@link Session#inputs}. */
  public List<Tensor> inputs() {
    return inputs;
  }

  /** What the last run wrote, in the order of {@link Session#outputs}. */
  public List<Tensor> outputs() {
    return outputs;
  }

  /**
   * Runs the model. Blocks until the outputs are written.
   *
   * @throws NnapiException where the run fails
   * @throws IllegalStateException where the binding or its session is closed
   */
  public synchronized void run() {
    session.whileOpen(
        ignored -> {
          Native.runBinding(open());
          return null;
        });
  }

  /** Does a run copy nothing? So it is where the model is one NNAPI piece with torch's order and types. */
  public synchronized boolean isDirect() {
    return Native.isDirect(open());
  }

  private long open() {
    if (handle == 0) {
      throw new IllegalStateException("the binding is closed");
    }
    return handle;
  }

  /** Frees what the native side holds. Closing twice does nothing. */
  @Override
  public synchronized void close() {
    if (handle != 0) {
      Native.unbind(handle);
      handle = 0;
    }
  }
}
