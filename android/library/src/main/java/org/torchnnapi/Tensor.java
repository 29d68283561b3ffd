package org.torchnnapi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Elements of one type in a direct buffer, and their shape; the last dimension lies closest together.
 *
 * <p>A tensor does not copy the buffer it is made over. It is not safe to write into a buffer while a
 * session reads it.
 */
public final class Tensor {
  private final DataType type;
  private final long[] shape;
  private final ByteBuffer bytes;

  private Tensor(DataType type, long[] shape, ByteBuffer bytes) {
    this.type = type;
    this.shape = shape;
    this.bytes = bytes;
  }

  /** A tensor of zeros. */
  public static Tensor allocate(DataType type, long... shape) {
    long size = Math.multiplyExact(Shapes.elements(shape), (long) type.bytes());
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          Shapes.text(shape) + " of " + type.torchName() + " takes " + size
              + " bytes; a ByteBuffer holds " + Integer.MAX_VALUE);
    }
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) size).order(ByteOrder.nativeOrder());
    return new Tensor(type, shape.clone(), bytes);
  }

  /**
   * A tensor over the bytes of a direct buffer, from its position to its limit.
   *
   * @param bytes in the machine's byte order; not copied
   * @throws IllegalArgumentException where the buffer is not direct, or its size is not the shape's
   */
  public static Tensor over(ByteBuffer bytes, DataType type, long... shape) {
    if (!bytes.isDirect()) {
      throw new IllegalArgumentException("the buffer is not direct; use ByteBuffer.allocateDirect");
    }
    long size = Math.multiplyExact(Shapes.elements(shape), (long) type.bytes());
    if (size != bytes.remaining()) {
      throw new IllegalArgumentException(
          Shapes.text(shape) + " of " + type.torchName() + " takes " + size
              + " bytes; the buffer has " + bytes.remaining());
    }
    return new Tensor(type, shape.clone(), bytes.slice().order(ByteOrder.nativeOrder()));
  }

  /** A copy of an array of float32. */
  public static Tensor of(float[] values, long... shape) {
    Tensor made = sized(values.length, DataType.FLOAT32, shape);
    made.bytes.asFloatBuffer().put(values);
    return made;
  }

  /** A copy of an array of float64. */
  public static Tensor of(double[] values, long... shape) {
    Tensor made = sized(values.length, DataType.FLOAT64, shape);
    made.bytes.asDoubleBuffer().put(values);
    return made;
  }

  /** A copy of an array of int32. */
  public static Tensor of(int[] values, long... shape) {
    Tensor made = sized(values.length, DataType.INT32, shape);
    made.bytes.asIntBuffer().put(values);
    return made;
  }

  /** A copy of an array of int64. */
  public static Tensor of(long[] values, long... shape) {
    Tensor made = sized(values.length, DataType.INT64, shape);
    made.bytes.asLongBuffer().put(values);
    return made;
  }

  /** A copy of an array of elements of one byte: {@code type} says whether uint8, int8 or bool. */
  public static Tensor of(byte[] values, DataType type, long... shape) {
    if (type.bytes() != 1) {
      throw new IllegalArgumentException(type.torchName() + " does not have one byte an element");
    }
    Tensor made = sized(values.length, type, shape);
    made.bytes.duplicate().put(values);
    return made;
  }

  private static Tensor sized(int elements, DataType type, long[] shape) {
    if (Shapes.elements(shape) != elements) {
      throw new IllegalArgumentException(
          Shapes.text(shape) + " has " + Shapes.elements(shape) + " elements; the array has "
              + elements);
    }
    return allocate(type, shape);
  }

  /** The type of the elements. */
  public DataType type() {
    return type;
  }

  /** The dimensions as torch has them. */
  public long[] shape() {
    return shape.clone();
  }

  /** The elements' own memory, from the first to the last, in the machine's byte order. */
  public ByteBuffer bytes() {
    return bytes.duplicate().order(ByteOrder.nativeOrder());
  }

  /**
   * A copy of the elements of a float32 tensor.
   *
   * @throws IllegalStateException for another type; likewise below
   */
  public float[] floats() {
    expect(DataType.FLOAT32);
    float[] values = new float[bytes.capacity() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  /** A copy of the elements of a float64 tensor. */
  public double[] doubles() {
    expect(DataType.FLOAT64);
    double[] values = new double[bytes.capacity() / Double.BYTES];
    bytes.asDoubleBuffer().get(values);
    return values;
  }

  /** A copy of the elements of an int32 tensor. */
  public int[] ints() {
    expect(DataType.INT32);
    int[] values = new int[bytes.capacity() / Integer.BYTES];
    bytes.asIntBuffer().get(values);
    return values;
  }

  /** A copy of the elements of an int64 tensor. */
  public long[] longs() {
    expect(DataType.INT64);
    long[] values = new long[bytes.capacity() / Long.BYTES];
    bytes.asLongBuffer().get(values);
    return values;
  }

  private void expect(DataType wanted) {
    if (type != wanted) {
      throw new IllegalStateException(
          "the tensor is " + type.torchName() + ", not " + wanted.torchName()
              + "; bytes() gives its memory");
    }
  }

  @Override
  public String toString() {
    return type.torchName() + Shapes.text(shape);
  }
}
