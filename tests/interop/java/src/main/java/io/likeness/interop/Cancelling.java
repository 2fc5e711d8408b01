package io.likeness.interop;

import io.grpc.Context;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Cancels the calls that are made in its context. */
final class Cancelling {
  private Cancelling() {}

  static <T> T after(double seconds, Callable<T> calls) {
    ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    Context.CancellableContext context = Context.current().withCancellation();
    try {
      if (seconds > 0) {
        timer.schedule(() -> context.cancel(null), Math.round(seconds * 1000), TimeUnit.MILLISECONDS);
      }
      return context.call(calls);
    } catch (RuntimeException error) {
      throw error;
    } catch (Exception error) {
      throw new IllegalStateException(error);
    } finally {
      timer.shutdownNow();
      context.cancel(null);
    }
  }
}
