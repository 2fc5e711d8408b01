package io.likeness.interop;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.likeness.v1.Image;
import io.likeness.v1.ImageSearchServiceGrpc;
import io.likeness.v1.SearchImagesRequest;
import java.nio.file.Files;
import java.nio.file.Path;

public class Search {
  public static void main(String[] arguments) throws Exception {
    var channel = Grpc.newChannelBuilder("127.0.0.1:50050", InsecureChannelCredentials.create()).build();
    var likeness = ImageSearchServiceGrpc.newBlockingStub(channel);
    var photo = ByteString.copyFrom(Files.readAllBytes(Path.of("photo.jpg")));
    var image = Image.newBuilder().setContent(photo).build();
    var request = SearchImagesRequest.newBuilder().setCollection("shop").setImage(image).setTopK(5).build();
    for (var hit : likeness.searchImages(request).getHitsList()) {
      System.out.printf("%d %s %.4f%n", hit.getRank(), hit.getImageId(), hit.getDistance());
    }
    channel.shutdownNow();
  }
}
