package io.likeness.interop;

import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.ClientCalls;
import io.likeness.v1.ActivateModelRequest;
import io.likeness.v1.AddModelRequest;
import io.likeness.v1.Collection;
import io.likeness.v1.CreateCollectionRequest;
import io.likeness.v1.DeleteCollectionRequest;
import io.likeness.v1.DeleteImagesRequest;
import io.likeness.v1.EmbedderServiceGrpc;
import io.likeness.v1.FindDuplicatesRequest;
import io.likeness.v1.GetCollectionRequest;
import io.likeness.v1.GetImageRequest;
import io.likeness.v1.Image;
import io.likeness.v1.ImageEntry;
import io.likeness.v1.ImageRecord;
import io.likeness.v1.ImageSearchServiceGrpc;
import io.likeness.v1.IndexImagesRequest;
import io.likeness.v1.ListImagesRequest;
import io.likeness.v1.ListImagesResponse;
import io.likeness.v1.ListModelsRequest;
import io.likeness.v1.MaintenanceServiceGrpc;
import io.likeness.v1.Model;
import io.likeness.v1.ModelHits;
import io.likeness.v1.ReconcileRequest;
import io.likeness.v1.SearchImagesRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The calls, by their names in the protos: each takes what a command says and returns what is to be said. */
final class Calls {
  private final Channel channel;
  private final double deadlineSeconds;

  Calls(Channel channel, double deadlineSeconds) {
    this.channel = channel;
    this.deadlineSeconds = deadlineSeconds;
  }

  Object perform(String call, Input with) {
    return switch (call) {
      case "ListModels" -> listModels();
      case "CreateCollection" -> createCollection(with);
      case "GetCollection" -> getCollection(with);
      case "AddModel" -> addModel(with);
      case "ActivateModel" -> activateModel(with);
      case "DeleteCollection" -> deleteCollection(with);
      case "IndexImages" -> indexImages(with);
      case "IngestImages" -> Ingesting.ingest(timed(ImageSearchServiceGrpc.newStub(channel)), with);
      case "StreamEmbed" -> Embedding.embed(timed(EmbedderServiceGrpc.newStub(channel)), with);
      case "SearchImages" -> searchImages(with);
      case "GetImage" -> getImage(with);
      case "ListImages" -> listImages(with);
      case "DeleteImages" -> deleteImages(with);
      case "FindDuplicates" -> findDuplicates(with);
      case "Reconcile" -> reconcile();
      case "Bytes" -> bytes(with);
      default -> throw new IllegalArgumentException(call);
    };
  }

  private ImageSearchServiceGrpc.ImageSearchServiceBlockingStub likeness() {
    return timed(ImageSearchServiceGrpc.newBlockingStub(channel));
  }

  private <S extends AbstractStub<S>> S timed(S stub) {
    return deadlineSeconds > 0
        ? stub.withDeadlineAfter(Math.round(deadlineSeconds * 1000), TimeUnit.MILLISECONDS)
        : stub;
  }

  private Object listModels() {
    List<Model> models = likeness().listModels(ListModelsRequest.getDefaultInstance()).getModelsList();
    return Map.of("dimensions", models.stream().collect(Collectors.toMap(Model::getName, Model::getDimension)));
  }

  private Object createCollection(Input with) {
    Collection wanted = Collection.newBuilder().setName(with.collection).addAllModels(with.models).build();
    var request = CreateCollectionRequest.newBuilder().setCollection(wanted).build();
    return Said.of(likeness().createCollection(request).getCollection());
  }

  private Object getCollection(Input with) {
    var request = GetCollectionRequest.newBuilder().setName(with.collection).build();
    return Said.of(likeness().getCollection(request).getCollection());
  }

  private Object addModel(Input with) {
    var request = AddModelRequest.newBuilder().setCollection(with.collection).setModel(with.model).build();
    return Said.of(likeness().addModel(request).getCollection());
  }

  private Object activateModel(Input with) {
    var request = ActivateModelRequest.newBuilder()
        .setCollection(with.collection).setModel(with.model).setForce(with.force).build();
    return Said.of(likeness().activateModel(request).getCollection());
  }

  private Object deleteCollection(Input with) {
    likeness().deleteCollection(
        DeleteCollectionRequest.newBuilder().setName(with.collection).setForce(with.force).build());
    return Map.of();
  }

  private Object indexImages(Input with) {
    var request = IndexImagesRequest.newBuilder()
        .setCollection(with.collection)
        .setRequestId(with.requestId)
        .addAllEntries(with.images.stream().map(Calls::entry).toList())
        .build();
    return Map.of("results", likeness().indexImages(request).getResultsList().stream().map(Said::of).toList());
  }

  private Object searchImages(Input with) {
    var request = SearchImagesRequest.newBuilder()
        .setCollection(with.collection).addAllModels(with.models).setTopK(with.topK);
    if (with.imageId != null) {
      request.setImageId(with.imageId);
    } else {
      request.setImage(image(with.photo, with.uri));
    }
    var answer = likeness().searchImages(request.build());
    var perModel = answer.getPerModelList().stream()
        .collect(Collectors.toMap(ModelHits::getModel, list -> Said.of(list.getHitsList())));
    return Map.of("hits", Said.of(answer.getHitsList()), "per_model", perModel);
  }

  private Object getImage(Input with) {
    var request = GetImageRequest.newBuilder().setCollection(with.collection).setImageId(with.imageId).build();
    ImageRecord found = likeness().getImage(request).getImage();
    return Map.of(
        "image_id", found.getImageId(),
        "content_sha256", found.getContentSha256(),
        "size_px", List.of(found.getWidthPx(), found.getHeightPx()),
        "written_once", found.getCreateTime().equals(found.getUpdateTime()));
  }

  private Object listImages(Input with) {
    var request = ListImagesRequest.newBuilder().setCollection(with.collection).setPageSize(with.pageSize);
    List<List<String>> pages = new ArrayList<>();
    ListImagesResponse page;
    do {
      page = likeness().listImages(request.build());
      pages.add(page.getImagesList().stream().map(ImageRecord::getImageId).toList());
      request.setPageToken(page.getNextPageToken());
    } while (!page.getNextPageToken().isEmpty());
    return Map.of("pages", pages);
  }

  private Object deleteImages(Input with) {
    var answer = likeness().deleteImages(
        DeleteImagesRequest.newBuilder().setCollection(with.collection).addAllImageIds(with.imageIds).build());
    return Map.of("deleted_count", answer.getDeletedCount(), "missing_ids", answer.getMissingIdsList());
  }

  private Object findDuplicates(Input with) {
    var request = FindDuplicatesRequest.newBuilder()
        .setCollection(with.collection).setModel(with.model).setMaxDistance(with.maxDistance).build();
    List<List<String>> groups = new ArrayList<>();
    likeness().findDuplicates(request).forEachRemaining(group -> groups.add(group.getImageIdsList()));
    return Map.of("groups", groups);
  }

  private Object reconcile() {
    var maintenance = timed(MaintenanceServiceGrpc.newBlockingStub(channel));
    maintenance.reconcile(ReconcileRequest.getDefaultInstance()).forEachRemaining(answer -> {});
    return Map.of();
  }

  private Object bytes(Input with) {
    MethodDescriptor<byte[], byte[]> method = MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(with.method.substring(1))
        .setRequestMarshaller(new Untyped())
        .setResponseMarshaller(new Untyped())
        .build();
    byte[] request = Base64.getDecoder().decode(with.requestBytes);
    ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, request);
    return Map.of();
  }

  static ImageEntry entry(Input.Picture picture) {
    return ImageEntry.newBuilder().setImageId(picture.imageId).setImage(image(picture.photo, picture.uri)).build();
  }

  static Image image(String photo, String uri) {
    if (uri != null) {
      return Image.newBuilder().setUri(uri).build();
    }
    try {
      return Image.newBuilder().setContent(ByteString.copyFrom(Files.readAllBytes(Path.of(photo)))).build();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
