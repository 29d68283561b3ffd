package org.torchnnapi;

/**
 * A model file, a library or a run that failed. The message says what, where and what to do next.
 *
 * <p>Unchecked. What a caller can mend is another exception: {@link IllegalArgumentException} for arguments
 * that do not fit the model, {@link IllegalStateException} for a session that is closed.
 */
public final class NnapiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final String code;
  private final String node;
  private final String source;

  NnapiException(String message, String call, String code, String node, String source) {
    super(message);
    this.call = call;
    this.code = code;
    this.node = node;
    this.source = source;
  }

  /** The NNAPI function that refused, as {@code ANeuralNetworksModel_finish}; empty where none did. */
  public String call() {
    return call;
  }

  /** What it answered, as {@code BAD_DATA}; empty where none did. */
  public String code() {
    return code;
  }

  /** The node of the PyTorch model that is concerned; empty where none is known. */
  public String node() {
    return node;
  }

  /** The line of the PyTorch model, as {@code model.py:12}; empty where none is known. */
  public String source() {
    return source;
  }
}
