package org.torchnnapi;

/** Arithmetic and texts of shapes. */
final class Shapes {
  private Shapes() {}

  /** How many elements a tensor of this shape has; {@link ArithmeticException} where a long cannot say it. */
  static long elements(long[] shape) {
    long count = 1;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("a tensor cannot have the shape " + text(shape));
      }
      count = Math.multiplyExact(count, size);
    }
    return count;
  }

  /** As {@code [1, 3, ?]}. */
  static String text(long[] shape) {
    StringBuilder text = new StringBuilder("[");
    for (int dim = 0; dim < shape.length; ++dim) {
      text.append(dim == 0 ? "" : ", ");
      text.append(shape[dim] == TensorSpec.FREE ? "?" : Long.toString(shape[dim]));
    }
    return text.append(']').toString();
  }
}
