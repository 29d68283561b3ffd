package org.torchnnapi;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.time.Duration;
import org.junit.Test;

/** A driver that misbehaves, of the device "npu"; system properties say with which model, and what is said of it. */
public class DriverTest {
  private static final File MODEL = new File(System.getProperty("model"));

  private static SessionOptions npu() {
    return new SessionOptions()
        .devices("npu")
        .checkProgram(System.getProperty("program"))
        .checkDriver(true)
        .checkTimeout(Duration.ofSeconds(Long.getLong("seconds")));
  }

  private static float[] run(SessionOptions options, String said) {
    try (Session session = Session.load(MODEL, options)) {
      Tensor input = Tensor.of(new float[] {1, -2, 3, -4, 0.5f, 6, -7, 8}, 1, 8);
      float[] numbers = null;
      for (int round = 0; round < 3; ++round) {
        numbers = session.run(input)[0].floats();
      }
      for (Operation one : session.placement()) {
        String reason = one.reason();
        assertTrue(reason, said.isEmpty() ? reason.isEmpty() : reason.contains(said));
      }
      return numbers;
    }
  }

  @Test
  public void goesOnWithRightResults() {
    float[] wanted = run(new SessionOptions().devices("torch-nnapi-host"), "");
    assertEquals(4, wanted.length);
    assertArrayEquals(wanted, run(npu(), System.getProperty("said")), 0.0f);
  }

  @Test
  public void refusesWhatIsNoDevice() {
    assertThrows(IllegalArgumentException.class, () -> new SessionOptions().devices("a\nb"));
    assertThrows(
        IllegalArgumentException.class, () -> Session.load(MODEL, new SessionOptions().devices("no")));
  }
}
