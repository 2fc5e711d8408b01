#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "likeness/v1/image_search.grpc.pb.h"

int main() {
  auto channel = grpc::CreateChannel("127.0.0.1:50050", grpc::InsecureChannelCredentials());
  auto likeness = likeness::v1::ImageSearchService::NewStub(channel);
  std::ifstream photo("photo.jpg", std::ios::binary);
  likeness::v1::SearchImagesRequest request;
  request.set_collection("shop");
  request.mutable_image()->set_content(std::string(std::istreambuf_iterator<char>(photo), {}));
  request.set_top_k(5);
  grpc::ClientContext context;
  likeness::v1::SearchImagesResponse answer;
  if (!likeness->SearchImages(&context, request, &answer).ok()) return 1;
  for (const auto& hit : answer.hits()) {
    std::printf("%d %s %.4f\n", hit.rank(), hit.image_id().c_str(), hit.distance());
  }
}
