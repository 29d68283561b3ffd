package org.torchnnapi;

import java.util.Arrays;

/** What a model takes or gives at one place: a name, the elements' type, and a shape. */
public final class TensorSpec {
  /** In a shape: a dimension that calls may choose. */
  public static final long FREE = -1;

  private final String name;
  private final DataType type;
  private final long[] shape;
  private final long[] example;
  private final double scale;
  private final long zeroPoint;

  TensorSpec(
      String name, String type, long[] shape, long[] example, double scale, long zeroPoint) {
    this.name = name;
    this.type = type == null ? null : DataType.of(type);
    this.shape = shape;
    this.example = example;
    this.scale = scale;
    this.zeroPoint = zeroPoint;
  }

  /** The name that the model's {@code forward} has for it, or the node that makes it. */
  public String name() {
    return name;
  }

  /** The type of the elements; null for a result that is None. */
  public DataType type() {
    return type;
  }

  /** The dimensions as torch has them; {@link #FREE} where a call may choose. */
  public long[] shape() {
    return shape.clone();
  }

  /** Of an input: a shape that the model takes. Free dimensions are those it was converted with. */
  public long[] exampleShape() {
    return example.clone();
  }

  /** Of a quantised tensor, {@code real = scale * (integer - zeroPoint)}; 0 for any other. */
  public double scale() {
    return scale;
  }

  /** The integer that stands for 0 in a quantised tensor. */
  public long zeroPoint() {
    return zeroPoint;
  }

  /** Are all dimensions known? */
  public boolean isFixed() {
    return Arrays.stream(shape).noneMatch(size -> size == FREE);
  }

  @Override
  public String toString() {
    return name + ": " + (type == null ? "None" : type.torchName() + Shapes.text(shape));
  }
}
