package io.likeness.interop;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.likeness.v1.ImageSearchServiceGrpc;
import io.likeness.v1.IngestImagesRequest;
import io.likeness.v1.IngestImagesResponse;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A stream of images. It sends whenever there is room and reads in between, as a stream wants it: the server stops
 * reading while too much is unanswered.
 */
final class Ingesting implements ClientResponseObserver<IngestImagesRequest, IngestImagesResponse> {
  private final Input with;
  private final Map<String, Object> results = new ConcurrentHashMap<>();
  private final CompletableFuture<Object> done = new CompletableFuture<>();
  private int sent;

  private Ingesting(Input with) {
    this.with = with;
  }

  static Object ingest(ImageSearchServiceGrpc.ImageSearchServiceStub likeness, Input with) {
    Ingesting stream = new Ingesting(with);
    likeness.ingestImages(stream);
    return outcome(stream.done);
  }

  /** What a stream comes to, or the error that it ends with. */
  static Object outcome(CompletableFuture<Object> done) {
    try {
      return done.join();
    } catch (CompletionException error) {
      throw (StatusRuntimeException) error.getCause();
    }
  }

  /** An error that a stream ends with, as blocking calls throw it. */
  static StatusRuntimeException failure(Throwable error) {
    return Status.fromThrowable(error).asRuntimeException(Status.trailersFromThrowable(error));
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<IngestImagesRequest> requests) {
    requests.setOnReadyHandler(() -> send(requests));
  }

  private void send(ClientCallStreamObserver<IngestImagesRequest> requests) {
    while (requests.isReady() && sent < with.images.size()) {
      requests.onNext(IngestImagesRequest.newBuilder()
          .setCollection(with.collection)
          .setItemId(Integer.toString(sent))
          .setEntry(Calls.entry(with.images.get(sent)))
          .build());
      if (++sent == with.images.size()) {
        requests.onCompleted();
      }
    }
  }

  @Override
  public void onNext(IngestImagesResponse answer) {
    if (answer.hasResult()) {
      results.put(answer.getItemId(), Said.of(answer.getResult()));
    }
  }

  @Override
  public void onError(Throwable error) {
    done.completeExceptionally(failure(error));
  }

  @Override
  public void onCompleted() {
    done.complete(Map.of("results", results));
  }
}
