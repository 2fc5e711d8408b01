#pragma once

#include <grpcpp/grpcpp.h>

#include <nlohmann/json.hpp>

#include "google/rpc/status.pb.h"

// Returns the status of a call that failed; one that gRPC itself ended has no details.
google::rpc::Status status_of(const grpc::Status& status);

// Returns all that Likeness says of an error, of a call or of one image.
nlohmann::json describe(const google::rpc::Status& status);
