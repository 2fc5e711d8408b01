// A client of Likeness that carries out the commands on its standard input, one JSON object a line, and prints what came
// of each: what tests/interop asks of every language.
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include "calls.h"
#include "errors.h"

using nlohmann::json;
using Seconds = std::chrono::duration<double>;

namespace {

std::shared_ptr<grpc::Channel> dial(const json& command) {
  std::string target = "ipv4:";
  for (const auto& address : command.at("addresses")) target += (target == "ipv4:" ? "" : ",") + address.get<std::string>();
  grpc::ChannelArguments arguments;
  if (command.contains("service_config")) arguments.SetServiceConfigJSON(command.at("service_config"));
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

std::chrono::system_clock::time_point in(double seconds) {
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(Seconds(seconds));
}

grpc::Status attempt(const std::shared_ptr<grpc::Channel>& channel, const json& command, json* said) {
  grpc::ClientContext context;
  if (command.contains("token")) context.AddMetadata("authorization", "Bearer " + command.at("token").get<std::string>());
  if (command.contains("deadline_seconds")) context.set_deadline(in(command.at("deadline_seconds")));
  std::thread cancelling;
  if (command.contains("cancel_after_seconds")) {
    cancelling = std::thread([&context, seconds = Seconds(command.at("cancel_after_seconds").get<double>())] {
      std::this_thread::sleep_for(seconds);
      context.TryCancel();
    });
  }
  grpc::Status status = calls.at(command.at("call"))(channel, &context, command.value("with", json::object()), said);
  if (cancelling.joinable()) cancelling.join();
  return status;
}

// Makes the call, and makes it again for as long as the server asks for patience and the command has some.
json perform(const json& command) {
  const auto channel = dial(command);
  for (int attempts = 1;; ++attempts) {
    json said = json::object();
    const grpc::Status status = attempt(channel, command, &said);
    if (status.ok()) return {{"ok", said}, {"attempts", attempts}};
    const json failure = describe(status_of(status));
    if (!failure.contains("retry_seconds") || attempts >= command.value("attempts", 1)) {
      return {{"error", failure}, {"attempts", attempts}};
    }
    std::cout << json{{"refused", failure}} << std::endl;
    std::this_thread::sleep_for(Seconds(failure.at("retry_seconds").get<double>()));
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << perform(json::parse(line)) << std::endl;
}
