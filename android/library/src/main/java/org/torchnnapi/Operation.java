package org.torchnnapi;

/** An operation of a model: where it comes from, what runs it, and what that takes. */
public final class Operation {
  private final int code;
  private final String node;
  private final String target;
  private final String source;
  private final String library;
  private final String reason;
  private final long nanoseconds;

  Operation(
      int code,
      String node,
      String target,
      String source,
      String library,
      String reason,
      long nanoseconds) {
    this.code = code;
    this.node = node;
    this.target = target;
    this.source = source;
    this.library = library;
    this.reason = reason;
    this.nanoseconds = nanoseconds;
  }

  /** NNAPI's operation code; -1 for a piece that is none of NNAPI's. */
  public int code() {
    return code;
  }

  /** The node of the PyTorch model that it comes from, as {@code conv2d}. */
  public String node() {
    return node;
  }

  /** The operator of torch, as {@code aten.conv2d.default}. */
  public String target() {
    return target;
  }

  /** The line of the PyTorch model, as {@code model.py:12}. */
  public String source() {
    return source;
  }

  /** In {@link Session#placement}: the library that runs it. */
  public String library() {
    return library;
  }

  /** In {@link Session#placement}: why it is not on the library it was meant for; empty where it is. */
  public String reason() {
    return reason;
  }

  /** In {@link Session#profile}: what it took. */
  public long nanoseconds() {
    return nanoseconds;
  }

  @Override
  public String toString() {
    return node + " (" + target + ") at " + source + (reason.isEmpty() ? "" : ": " + reason);
  }
}
