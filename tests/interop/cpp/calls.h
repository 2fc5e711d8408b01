#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

// A call: a channel, what carries its metadata and deadline, and what a command says about its request; what is to be
// said of the answer goes into the last.
using Call = std::function<grpc::Status(const std::shared_ptr<grpc::Channel>&, grpc::ClientContext*,
                                        const nlohmann::json& with, nlohmann::json* said)>;

// The calls, by their names in the protos.
extern const std::map<std::string, Call> calls;
