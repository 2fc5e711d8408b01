#include "calls.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "errors.h"
#include "likeness/v1/embedder.grpc.pb.h"
#include "likeness/v1/image_search.grpc.pb.h"
#include "likeness/v1/maintenance.grpc.pb.h"

using grpc::ClientContext;
using grpc::Status;
using nlohmann::json;
using Channel = std::shared_ptr<grpc::Channel>;
using namespace likeness::v1;

namespace {

std::unique_ptr<ImageSearchService::Stub> search_on(const Channel& channel) { return ImageSearchService::NewStub(channel); }

std::string text(const json& with, const char* name) { return with.value(name, ""); }

Image image(const json& picture) {
  Image made;
  if (picture.contains("uri")) {
    made.set_uri(text(picture, "uri"));
  } else {
    std::ifstream file(text(picture, "photo"), std::ios::binary);
    made.set_content(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  return made;
}

ImageEntry entry(const json& picture) {
  ImageEntry made;
  made.set_image_id(text(picture, "image_id"));
  *made.mutable_image() = image(picture);
  return made;
}

json outcome(const IndexResult& result) {
  json said = {{"image_id", result.image_id()}, {"outcome", IndexResult::Outcome_Name(result.outcome())}};
  if (result.has_error()) said["error"] = describe(result.error());
  return said;
}

template <typename Hits>
json hits(const Hits& list) {
  json said = json::array();
  for (const auto& hit : list) {
    said.push_back({{"image_id", hit.image_id()}, {"rank", hit.rank()}, {"distance", hit.distance()}});
  }
  return said;
}

json collection(const Collection& found) {
  json states = json::object();
  for (const auto& binding : found.bindings()) states[binding.model()] = ModelBinding::State_Name(binding.state());
  return {{"name", found.name()}, {"models", states}, {"image_count", found.image_count()}};
}

template <typename Ids>
json ids(const Ids& list) {
  json said = json::array();
  for (const auto& id : list) said.push_back(id);
  return said;
}

Status list_models(const Channel& channel, ClientContext* context, const json&, json* said) {
  ListModelsResponse answer;
  Status status = search_on(channel)->ListModels(context, ListModelsRequest(), &answer);
  for (const auto& model : answer.models()) (*said)["dimensions"][model.name()] = model.dimension();
  return status;
}

Status create_collection(const Channel& channel, ClientContext* context, const json& with, json* said) {
  CreateCollectionRequest request;
  request.mutable_collection()->set_name(text(with, "collection"));
  for (const auto& model : with.value("models", json::array())) request.mutable_collection()->add_models(model);
  CreateCollectionResponse answer;
  Status status = search_on(channel)->CreateCollection(context, request, &answer);
  *said = collection(answer.collection());
  return status;
}

Status get_collection(const Channel& channel, ClientContext* context, const json& with, json* said) {
  GetCollectionRequest request;
  request.set_name(text(with, "collection"));
  GetCollectionResponse answer;
  Status status = search_on(channel)->GetCollection(context, request, &answer);
  *said = collection(answer.collection());
  return status;
}

Status add_model(const Channel& channel, ClientContext* context, const json& with, json* said) {
  AddModelRequest request;
  request.set_collection(text(with, "collection"));
  request.set_model(text(with, "model"));
  AddModelResponse answer;
  Status status = search_on(channel)->AddModel(context, request, &answer);
  *said = collection(answer.collection());
  return status;
}

Status activate_model(const Channel& channel, ClientContext* context, const json& with, json* said) {
  ActivateModelRequest request;
  request.set_collection(text(with, "collection"));
  request.set_model(text(with, "model"));
  request.set_force(with.value("force", false));
  ActivateModelResponse answer;
  Status status = search_on(channel)->ActivateModel(context, request, &answer);
  *said = collection(answer.collection());
  return status;
}

Status delete_collection(const Channel& channel, ClientContext* context, const json& with, json*) {
  DeleteCollectionRequest request;
  request.set_name(text(with, "collection"));
  request.set_force(with.value("force", false));
  DeleteCollectionResponse answer;
  return search_on(channel)->DeleteCollection(context, request, &answer);
}

Status index_images(const Channel& channel, ClientContext* context, const json& with, json* said) {
  IndexImagesRequest request;
  request.set_collection(text(with, "collection"));
  request.set_request_id(text(with, "request_id"));
  for (const auto& picture : with.at("images")) *request.add_entries() = entry(picture);
  IndexImagesResponse answer;
  Status status = search_on(channel)->IndexImages(context, request, &answer);
  for (const auto& result : answer.results()) (*said)["results"].push_back(outcome(result));
  return status;
}

// Sends from a thread of its own while it reads, as a stream wants it: the server stops reading while too much is
// unanswered.
Status ingest_images(const Channel& channel, ClientContext* context, const json& with, json* said) {
  const auto stub = search_on(channel);
  const auto stream = stub->IngestImages(context);
  std::thread sending([&stream, &with] {
    int number = 0;
    for (const auto& picture : with.at("images")) {
      IngestImagesRequest request;
      request.set_collection(text(with, "collection"));
      request.set_item_id(std::to_string(number++));
      *request.mutable_entry() = entry(picture);
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  IngestImagesResponse answer;
  while (stream->Read(&answer)) {
    if (answer.has_result()) (*said)["results"][answer.item_id()] = outcome(answer.result());
  }
  sending.join();
  return stream->Finish();
}

// Sends one picture and no end, and says each answer when it comes.
Status stream_embed(const Channel& channel, ClientContext* context, const json& with, json*) {
  const auto stub = EmbedderService::NewStub(channel);
  const auto stream = stub->StreamEmbed(context);
  StreamEmbedRequest request;
  request.set_item_id(text(with, "image_id"));
  *request.mutable_image() = image(with);
  stream->Write(request);
  StreamEmbedResponse answer;
  while (stream->Read(&answer)) {
    json said = {{"item_id", answer.item_id()}, {"dimensions", json::object()}};
    for (const auto& each : answer.result().embeddings()) said["dimensions"][each.model()] = each.dimension();
    std::cout << json{{"answered", said}} << std::endl;
  }
  return stream->Finish();
}

Status search_images(const Channel& channel, ClientContext* context, const json& with, json* said) {
  SearchImagesRequest request;
  request.set_collection(text(with, "collection"));
  request.set_top_k(with.value("top_k", 0));
  for (const auto& model : with.value("models", json::array())) request.add_models(model);
  if (with.contains("image_id")) {
    request.set_image_id(text(with, "image_id"));
  } else {
    *request.mutable_image() = image(with);
  }
  SearchImagesResponse answer;
  Status status = search_on(channel)->SearchImages(context, request, &answer);
  *said = {{"hits", hits(answer.hits())}, {"per_model", json::object()}};
  for (const auto& list : answer.per_model()) (*said)["per_model"][list.model()] = hits(list.hits());
  return status;
}

Status get_image(const Channel& channel, ClientContext* context, const json& with, json* said) {
  GetImageRequest request;
  request.set_collection(text(with, "collection"));
  request.set_image_id(text(with, "image_id"));
  GetImageResponse answer;
  Status status = search_on(channel)->GetImage(context, request, &answer);
  const auto& found = answer.image();
  *said = {{"image_id", found.image_id()},
           {"content_sha256", found.content_sha256()},
           {"size_px", {found.width_px(), found.height_px()}},
           {"written_once", found.create_time() == found.update_time()}};
  return status;
}

Status list_images(const Channel& channel, ClientContext* context, const json& with, json* said) {
  ListImagesRequest request;
  request.set_collection(text(with, "collection"));
  request.set_page_size(with.value("page_size", 0));
  while (true) {
    // A context is for one call; the next page has what is left of the same deadline.
    ClientContext of_page;
    of_page.set_deadline(context->deadline());
    ListImagesResponse page;
    if (Status status = search_on(channel)->ListImages(&of_page, request, &page); !status.ok()) return status;
    json found = json::array();
    for (const auto& record : page.images()) found.push_back(record.image_id());
    (*said)["pages"].push_back(found);
    if (page.next_page_token().empty()) return Status::OK;
    request.set_page_token(page.next_page_token());
  }
}

Status delete_images(const Channel& channel, ClientContext* context, const json& with, json* said) {
  DeleteImagesRequest request;
  request.set_collection(text(with, "collection"));
  for (const auto& id : with.at("image_ids")) request.add_image_ids(id);
  DeleteImagesResponse answer;
  Status status = search_on(channel)->DeleteImages(context, request, &answer);
  *said = {{"deleted_count", answer.deleted_count()}, {"missing_ids", ids(answer.missing_ids())}};
  return status;
}

Status find_duplicates(const Channel& channel, ClientContext* context, const json& with, json* said) {
  FindDuplicatesRequest request;
  request.set_collection(text(with, "collection"));
  request.set_model(text(with, "model"));
  request.set_max_distance(with.value("max_distance", 0.0));
  const auto stub = search_on(channel);
  const auto stream = stub->FindDuplicates(context, request);
  FindDuplicatesResponse group;
  while (stream->Read(&group)) (*said)["groups"].push_back(ids(group.image_ids()));
  return stream->Finish();
}

Status reconcile(const Channel& channel, ClientContext* context, const json&, json*) {
  const auto stub = MaintenanceService::NewStub(channel);
  const auto stream = stub->Reconcile(context, ReconcileRequest());
  ReconcileResponse answer;
  while (stream->Read(&answer)) {
  }
  return stream->Finish();
}

std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0, count = 0;
  for (char each : text) {
    if (each == '=') break;
    bits = bits << 6 | digits.find(each);
    if ((count += 6) >= 8) bytes.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return bytes;
}

Status bytes(const Channel& channel, ClientContext* context, const json& with, json*) {
  const grpc::Slice slice(from_base64(text(with, "request_bytes")));
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer answer;
  const std::string name = text(with, "method");
  const grpc::internal::RpcMethod method(name.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  return grpc::internal::BlockingUnaryCall(channel.get(), method, context, request, &answer);
}

}  // namespace

const std::map<std::string, Call> calls = {
    {"ListModels", list_models},         {"CreateCollection", create_collection}, {"GetCollection", get_collection},
    {"AddModel", add_model},             {"ActivateModel", activate_model},       {"DeleteCollection", delete_collection},
    {"IndexImages", index_images},       {"IngestImages", ingest_images},         {"SearchImages", search_images},
    {"GetImage", get_image},             {"ListImages", list_images},             {"DeleteImages", delete_images},
    {"FindDuplicates", find_duplicates}, {"Reconcile", reconcile},                {"Bytes", bytes},
    {"StreamEmbed", stream_embed},
};
