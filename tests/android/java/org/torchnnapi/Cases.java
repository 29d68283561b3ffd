package org.torchnnapi;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/** The models that the test wrote, with arguments and with what Python's session gave for them. */
final class Cases {
  static final File FOLDER = new File(System.getProperty("cases"));

  /** One model, and one call of it. */
  static final class Case {
    final String name;
    final List<Tensor> arguments = new ArrayList<>();
    final List<Tensor> results = new ArrayList<>(); // null: None

    Case(String name) {
      this.name = name;
    }

    File file() {
      return new File(FOLDER, name + ".nnapi");
    }

    Tensor[] given() {
      return arguments.toArray(new Tensor[0]);
    }
  }

  private Cases() {}

  /** As {@code cases.txt} lists them: a model's name, and then its tensors, a line each. */
  static List<Case> all() throws IOException {
    List<Case> cases = new ArrayList<>();
    for (String line : Files.readAllLines(new File(FOLDER, "cases.txt").toPath())) {
      String[] words = line.split(" ", -1);
      if (words[0].equals("model")) {
        cases.add(new Case(words[1]));
        continue;
      }
      Case last = cases.get(cases.size() - 1);
      (words[0].equals("in") ? last.arguments : last.results).add(tensor(words));
    }
    return cases;
  }

  static Case named(String name) throws IOException {
    for (Case one : all()) {
      if (one.name.equals(name)) {
        return one;
      }
    }
    throw new IOException("no model " + name);
  }

  private static Tensor tensor(String[] words) throws IOException {
    if (words[1].equals("none")) {
      return null;
    }
    long[] shape = new long[words[2].isEmpty() ? 0 : words[2].split(",").length];
    for (int dim = 0; dim < shape.length; ++dim) {
      shape[dim] = Long.parseLong(words[2].split(",")[dim]);
    }
    return Tensor.over(direct(new File(FOLDER, words[3])), DataType.of(words[1]), shape);
  }

  static ByteBuffer direct(File file) throws IOException {
    byte[] data = Files.readAllBytes(file.toPath());
    ByteBuffer buffer = ByteBuffer.allocateDirect(data.length);
    buffer.duplicate().put(data);
    return buffer;
  }
}
