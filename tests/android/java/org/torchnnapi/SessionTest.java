package org.torchnnapi;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileDescriptor;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public final class SessionTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  private static final SessionOptions DEFAULT = new SessionOptions();

  @Test
  public void everyModelGivesBitwiseWhatPythonGives() throws Exception {
    List<Cases.Case> cases = Cases.all();
    assertTrue(cases.size() + " models", cases.size() >= 20);
    for (Cases.Case one : cases) {
      try (Session session = Session.load(one.file())) {
        assertSameResults(one, session.run(one.given()));
        assertSameResults(one, session.run(one.given()));
      }
    }
  }

  @Test
  public void aModelIsReadFromAnOpenFileAtAnOffset() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    byte[] model = Files.readAllBytes(one.file().toPath());
    File archive = folder.newFile("archive");
    byte[] inside = new byte[model.length + 4096 + 12 + 77];
    Arrays.fill(inside, (byte) 0x55);
    System.arraycopy(model, 0, inside, 4096 + 12, model.length);
    Files.write(archive.toPath(), inside);
    Session session;
    try (FileInputStream stream = new FileInputStream(archive)) {
      int descriptor = number(stream.getFD());
      session = Session.load(descriptor, 4096 + 12, model.length, DEFAULT);
    }
    try (Session kept = session) {
      assertSameResults(one, kept.run(one.given()));
    }
  }

  @Test
  public void aModelIsReadFromMemory() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    ByteBuffer model = Cases.direct(one.file());
    try (Session session = Session.load(model, DEFAULT)) {
      model = null;
      System.gc(); // the session keeps the memory
      assertSameResults(one, session.run(one.given()));
    }
    assertThrows(
        IllegalArgumentException.class, () -> Session.load(ByteBuffer.allocate(64), DEFAULT));
  }

  @Test
  public void specsSayWhatAModelTakesAndGives() throws Exception {
    try (Session session = Session.load(Cases.named("free_batch").file())) {
      TensorSpec input = session.inputs().get(0);
      assertEquals("x", input.name());
      assertSame(DataType.FLOAT32, input.type());
      assertArrayEquals(new long[] {TensorSpec.FREE, 16}, input.shape());
      assertFalse(input.isFixed());
      assertEquals(16, input.exampleShape()[1]);
      assertEquals("x: float32[?, 16]", input.toString());
      assertEquals(TensorSpec.FREE, session.outputs().get(0).shape()[0]);
      assertTrue(session.featureLevel() >= 27);
      assertThrows(IllegalArgumentException.class, session::bind);
    }
  }

  @Test
  public void freeSizesAreThoseOfTheCall() throws Exception {
    Cases.Case one = Cases.named("free_batch");
    try (Session session = Session.load(one.file())) {
      Tensor example = session.run(one.given())[0];
      Tensor twice = session.run(Tensor.allocate(DataType.FLOAT32, 2, 16))[0];
      assertArrayEquals(new long[] {2, example.shape()[1]}, twice.shape());
    }
  }

  @Test
  public void methodsOfAFileShareWhatItRemembers() throws Exception {
    try (Session session = Session.load(new File(Cases.FOLDER, "methods.nnapi"), DEFAULT);
        Session remember = session.method("remember");
        Session recall = session.method("recall")) {
      assertEquals(Arrays.asList("remember", "recall"), session.methods());
      assertTrue(session.inputs().isEmpty());
      assertEquals("y", recall.inputs().get(0).name());
      Tensor zeros = Tensor.of(new float[4], 1, 4);
      assertThrows(IllegalArgumentException.class, () -> session.run(zeros));
      assertThrows(IllegalArgumentException.class, () -> session.method("other"));
      assertArrayEquals(new float[] {2, 2, 2, 2}, recall.run(zeros)[0].floats(), 0);
      remember.run(Tensor.of(new float[] {1, 2, 3, 4}, 1, 4));
      assertArrayEquals(new float[] {2, 4, 6, 8}, recall.run(zeros)[0].floats(), 0);
    }
    try (Session session = Session.load(Cases.named("two_arguments").file())) {
      assertEquals(Collections.singletonList("forward"), session.methods());
    }
  }

  @Test
  public void argumentsByName() throws Exception {
    Cases.Case one = Cases.named("two_arguments");
    try (Session session = Session.load(one.file())) {
      Map<String, Tensor> named = new LinkedHashMap<>();
      named.put("b", one.arguments.get(1));
      named.put("a", one.arguments.get(0));
      Map<String, Tensor> results = session.run(named);
      assertEquals(session.outputs().get(0).name(), results.keySet().iterator().next());
      assertSameResults(one, results.values().toArray(new Tensor[0]));
      named.put("c", named.remove("b"));
      assertThrows(IllegalArgumentException.class, () -> session.run(named));
      named.remove("c");
      assertThrows(IllegalArgumentException.class, () -> session.run(named));
    }
  }

  @Test
  public void argumentsThatDoNotFitAreRefusedByName() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    try (Session session = Session.load(one.file())) {
      String name = session.inputs().get(0).name();
      for (Tensor[] wrong :
          Arrays.asList(
              new Tensor[] {Tensor.allocate(DataType.FLOAT32, 1, 3, 7, 8)},
              new Tensor[] {Tensor.allocate(DataType.FLOAT32, 3, 8, 8)},
              new Tensor[] {Tensor.allocate(DataType.INT32, 1, 3, 8, 8)})) {
        IllegalArgumentException refused =
            assertThrows(IllegalArgumentException.class, () -> session.run(wrong));
        assertTrue(refused.getMessage(), refused.getMessage().contains(name));
      }
      assertThrows(IllegalArgumentException.class, () -> session.run());
      assertThrows(IllegalArgumentException.class, () -> session.run((Tensor) null));
      assertThrows(
          IllegalArgumentException.class,
          () -> session.run(Tensor.allocate(DataType.FLOAT32, 1, 1, 1, 1, 1, 1, 1, 1, 1)));
      assertSameResults(one, session.run(one.given())); // and goes on
    }
  }

  @Test
  public void damagedFilesAreRefused() throws Exception {
    byte[] model = Files.readAllBytes(Cases.named("two_arguments").file().toPath());
    File damaged = folder.newFile("damaged.nnapi");
    for (int length = 0; length < model.length; length += Math.max(1, model.length / 97)) {
      Files.write(damaged.toPath(), Arrays.copyOf(model, length));
      NnapiException refused =
          assertThrows(NnapiException.class, () -> Session.load(damaged, DEFAULT));
      assertTrue(refused.getMessage(), refused.getMessage().contains("damaged.nnapi"));
    }
    for (int place = 8; place < model.length; place += 13) {
      byte[] other = model.clone();
      other[place] ^= 0x41;
      Files.write(damaged.toPath(), other);
      try {
        Session.load(damaged, DEFAULT).close(); // a name may have changed, and still be one
      } catch (NnapiException refused) {
        assertFalse(refused.getMessage().isEmpty());
      }
    }
    File missing = new File(folder.getRoot(), "missing\u00e9\ud83d\ude00.nnapi");
    NnapiException refused =
        assertThrows(NnapiException.class, () -> Session.load(missing, DEFAULT));
    assertTrue(refused.getMessage(), refused.getMessage().contains(missing.getName()));
  }

  @Test
  public void threadsShareASession() throws Exception {
    for (String name : Arrays.asList("convolutions", "lstm", "free_batch", "loop")) {
      Cases.Case one = Cases.named(name);
      try (Session session = Session.load(one.file())) {
        List<Callable<Void>> tasks =
            Collections.nCopies(
                64,
                () -> {
                  assertSameResults(one, session.run(one.given()));
                  return null;
                });
        ExecutorService threads = Executors.newFixedThreadPool(8);
        for (Future<Void> done : threads.invokeAll(tasks)) {
          done.get();
        }
        threads.shutdown();
      }
    }
  }

  @Test
  public void closingWaitsForRunsUnderWay() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    for (int round = 0; round < 20; ++round) {
      Session session = Session.load(one.file());
      ExecutorService threads = Executors.newFixedThreadPool(8);
      List<Future<Integer>> runs = new ArrayList<>();
      for (int thread = 0; thread < 8; ++thread) {
        runs.add(
            threads.submit(
                () -> {
                  for (int count = 0; ; ++count) {
                    try {
                      assertSameResults(one, session.run(one.given()));
                    } catch (IllegalStateException closed) {
                      return count;
                    }
                  }
                }));
      }
      Thread.sleep(5);
      session.close();
      session.close();
      for (Future<Integer> run : runs) {
        try {
          run.get(60, TimeUnit.SECONDS);
        } catch (ExecutionException error) {
          throw new AssertionError(error.getCause());
        }
      }
      threads.shutdown();
      assertThrows(IllegalStateException.class, () -> session.run(one.given()));
      assertThrows(IllegalStateException.class, session::bind);
      assertThrows(IllegalStateException.class, session::whyFallback);
    }
  }

  @Test
  public void boundTensorsStayInOnePlace() throws Exception {
    for (Cases.Case one : Cases.all()) {
      try (Session session = Session.load(one.file())) {
        if (!session.inputs().stream().allMatch(TensorSpec::isFixed)
            || !session.outputs().stream().allMatch(TensorSpec::isFixed)) {
          continue;
        }
        try (Binding binding = session.bind()) {
          for (int round = 0; round < 2; ++round) {
            for (int place = 0; place < one.arguments.size(); ++place) {
              binding.inputs().get(place).bytes().put(one.arguments.get(place).bytes());
            }
            binding.run();
            assertSameResults(one, binding.outputs().toArray(new Tensor[0]));
          }
        }
      }
    }
    Cases.Case flat = Cases.named("two_arguments");
    Session session = Session.load(flat.file());
    Binding binding = session.bind();
    assertTrue(binding.isDirect());
    session.close();
    assertThrows(IllegalStateException.class, binding::run);
    binding.close();
    binding.close();
    assertThrows(IllegalStateException.class, binding::isDirect);
  }

  @Test
  public void placementAndProfileNameNodesAndLines() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    try (Session session = Session.load(one.file())) {
      List<Operation> placed = session.placement();
      assertTrue(placed.stream().anyMatch(operation -> operation.target().contains("conv2d")));
      for (Operation operation : placed) {
        assertTrue(operation.source(), operation.source().contains(".py:"));
        assertEquals("", operation.reason());
        assertTrue(operation.library(), operation.library().contains("libneuralnetworks"));
      }
      assertEquals("", session.whyFallback());
      List<Operation> profile = session.profile(one.given());
      assertEquals(placed.size(), profile.size());
      assertTrue(profile.stream().mapToLong(Operation::nanoseconds).sum() > 0);
    }
  }

  @Test
  public void whereThereIsNoNnapiOurOwnLibraryComputes() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    SessionOptions nowhere = new SessionOptions().library("/nowhere/libneuralnetworks.so");
    try (Session session = Session.load(one.file(), nowhere)) {
      assertTrue(session.whyFallback(), session.whyFallback().contains("/nowhere"));
      assertSameResults(one, session.run(one.given()));
    }
    nowhere.fallback(SessionOptions.Fallback.NONE);
    NnapiException refused =
        assertThrows(NnapiException.class, () -> Session.load(one.file(), nowhere));
    assertTrue(refused.getMessage(), refused.getMessage().contains("/nowhere"));
  }

  @Test
  public void cancelledRunsEnd() throws Exception {
    Cases.Case one = Cases.named("loop");
    try (Session session = Session.load(one.file())) {
      session.cancel(true);
      NnapiException ended =
          assertThrows(NnapiException.class, () -> session.run(one.given()));
      assertTrue(ended.getMessage(), ended.getMessage().contains("cancel"));
      session.cancel(false);
      assertSameResults(one, session.run(one.given()));
    }
  }

  @Test
  public void whatCompilingMadeIsKept() throws Exception {
    Cases.Case one = Cases.named("convolutions");
    File cache = folder.newFolder("cache");
    for (int round = 0; round < 2; ++round) {
      try (Session session =
          Session.load(one.file(), new SessionOptions().cacheDir(cache).numThreads(1))) {
        assertSameResults(one, session.run(one.given()));
      }
      assertTrue(cache.list().length > 0);
    }
  }

  @Test
  public void optionsOutOfRangeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new SessionOptions().numThreads(0));
    assertThrows(
        IllegalArgumentException.class, () -> new SessionOptions().timeout(Duration.ZERO));
    assertThrows(NullPointerException.class, () -> new SessionOptions().preference(null));
    assertThrows(IllegalArgumentException.class, () -> Session.load(-1, 0, 8, DEFAULT));
  }

  @Test
  public void tensorsSayWhatTheyCannotHold() {
    assertThrows(
        IllegalArgumentException.class, () -> Tensor.of(new float[5], 2, 3)); // five are not six
    assertThrows(
        IllegalArgumentException.class,
        () -> Tensor.over(ByteBuffer.allocateDirect(7), DataType.FLOAT32, 2));
    assertThrows(
        IllegalArgumentException.class, () -> Tensor.allocate(DataType.FLOAT32, 1 << 20, 1 << 20));
    assertThrows(IllegalArgumentException.class, () -> Tensor.allocate(DataType.INT8, -1));
    assertThrows(
        IllegalStateException.class, () -> Tensor.allocate(DataType.INT32, 1).floats());
    assertArrayEquals(new int[] {1, -2}, Tensor.of(new int[] {1, -2}, 2).ints());
    assertArrayEquals(new long[] {1L << 40}, Tensor.of(new long[] {1L << 40}, 1).longs());
    assertEquals("float32[2, 3]", Tensor.of(new float[6], 2, 3).toString());
  }

  private static int number(FileDescriptor descriptor) throws ReflectiveOperationException {
    Field number = FileDescriptor.class.getDeclaredField("fd");
    number.setAccessible(true);
    return number.getInt(descriptor);
  }

  private static void assertSameResults(Cases.Case one, Tensor[] given) {
    assertEquals(one.name, one.results.size(), given.length);
    for (int place = 0; place < given.length; ++place) {
      Tensor wanted = one.results.get(place);
      if (wanted == null) {
        assertNull(one.name, given[place]);
        continue;
      }
      assertSame(one.name, wanted.type(), given[place].type());
      assertArrayEquals(one.name, wanted.shape(), given[place].shape());
      assertEquals(one.name, wanted.bytes(), given[place].bytes());
    }
  }
}
