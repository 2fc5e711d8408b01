package io.likeness.interop;

import java.util.List;

/** What a command says about its request. */
final class Input {
  String collection = "";
  List<String> models = List.of();
  String model = "";
  boolean force;
  List<Picture> images = List.of();
  String requestId = "";
  String imageId;
  String photo;
  String uri;
  int topK;
  int pageSize;
  List<String> imageIds = List.of();
  double maxDistance;
  String method;
  String requestBytes;

  static final class Picture {
    String imageId = "";
    String photo;
    String uri;
  }
}
