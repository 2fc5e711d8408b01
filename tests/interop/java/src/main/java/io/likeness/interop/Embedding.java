package io.likeness.interop;

import io.grpc.stub.StreamObserver;
import io.likeness.v1.EmbedderServiceGrpc;
import io.likeness.v1.StreamEmbedRequest;
import io.likeness.v1.StreamEmbedResponse;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** A stream of one picture and no end, which says each answer when it comes. */
final class Embedding implements StreamObserver<StreamEmbedResponse> {
  private final CompletableFuture<Object> done = new CompletableFuture<>();

  static Object embed(EmbedderServiceGrpc.EmbedderServiceStub embedder, Input with) {
    Embedding stream = new Embedding();
    embedder.streamEmbed(stream).onNext(StreamEmbedRequest.newBuilder()
        .setItemId(with.imageId).setImage(Calls.image(with.photo, with.uri)).build());
    return Ingesting.outcome(stream.done);
  }

  @Override
  public void onNext(StreamEmbedResponse answer) {
    Map<String, Integer> dimensions = answer.getResult().getEmbeddingsList().stream()
        .collect(Collectors.toMap(each -> each.getModel(), each -> each.getDimension()));
    Client.say(Map.of("answered", Map.of("item_id", answer.getItemId(), "dimensions", dimensions)));
  }

  @Override
  public void onError(Throwable error) {
    done.completeExceptionally(Ingesting.failure(error));
  }

  @Override
  public void onCompleted() {
    done.complete(Map.of());
  }
}
