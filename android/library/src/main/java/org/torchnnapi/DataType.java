package org.torchnnapi;

/** What the elements of a tensor are, by the name that torch and the model file have for them. */
public enum DataType {
  BOOL("bool", 1),
  UINT8("uint8", 1),
  INT8("int8", 1),
  INT16("int16", 2),
  INT32("int32", 4),
  INT64("int64", 8),
  FLOAT16("float16", 2),
  FLOAT32("float32", 4),
  FLOAT64("float64", 8);

  private final String torchName;
  private final int bytes;

  DataType(String torchName, int bytes) {
    this.torchName = torchName;
    this.bytes = bytes;
  }

  /** The name in torch, as {@code float32}. */
  public String torchName() {
    return torchName;
  }

  /** The size of one element, in bytes. */
  public int bytes() {
    return bytes;
  }

  /**
   * The type of a name as torch has it.
   *
   * @throws IllegalArgumentException for a name that is none of these
   */
  public static DataType of(String torchName) {
    for (DataType type : values()) {
      if (type.torchName.equals(torchName)) {
        return type;
      }
    }
    throw new IllegalArgumentException("no tensors of dtype " + torchName);
  }
}
