#include "errors.h"

#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"

using nlohmann::json;

google::rpc::Status status_of(const grpc::Status& status) {
  google::rpc::Status found;
  if (status.error_details().empty() || !found.ParseFromString(status.error_details())) {
    found.set_code(status.error_code());
    found.set_message(status.error_message());
  }
  return found;
}

json describe(const google::rpc::Status& status) {
  json said = {{"code", google::rpc::Code_Name(google::rpc::Code(status.code()))}, {"message", status.message()}};
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad;
  google::rpc::ResourceInfo about;
  google::rpc::RetryInfo retry;
  for (const auto& detail : status.details()) {
    if (detail.UnpackTo(&info)) {
      said["domain"] = info.domain();
      said["reason"] = info.reason();
      said["metadata"] = json::object();
      for (const auto& [name, value] : info.metadata()) said["metadata"][name] = value;
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) said["fields"].push_back(violation.field());
    } else if (detail.UnpackTo(&about)) {
      said["resource"] = about.resource_name();
    } else if (detail.UnpackTo(&retry)) {
      said["retry_seconds"] = retry.retry_delay().seconds() + retry.retry_delay().nanos() / 1e9;
    }
  }
  return said;
}
