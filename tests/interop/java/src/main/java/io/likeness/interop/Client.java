package io.likeness.interop;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;

/**
 * Carries out the commands on its standard input, one JSON object a line, and prints what came of each: what
 * tests/interop asks of every language.
 */
public final class Client {
  private static final Gson JSON =
      new GsonBuilder().setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES).create();

  static final class Command {
    String call;
    List<String> addresses;
    String token;
    String serviceConfig;
    double deadlineSeconds;
    double cancelAfterSeconds;
    int attempts = 1;
    Input with = new Input();
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      say(perform(JSON.fromJson(line, Command.class)));
    }
  }

  static void say(Object what) {
    System.out.println(JSON.toJson(what));
  }

  /** Makes the call, and makes it again for as long as the server asks for patience and the command has some. */
  private static Object perform(Command command) throws InterruptedException {
    ManagedChannel channel = Channels.open(command.addresses, command.serviceConfig);
    try {
      for (int attempts = 1; ; attempts++) {
        try {
          return Map.of("ok", attempt(channel, command), "attempts", attempts);
        } catch (StatusRuntimeException error) {
          Failure failure = Failure.of(error);
          if (failure.retrySeconds == null || attempts >= command.attempts) {
            return Map.of("error", failure, "attempts", attempts);
          }
          say(Map.of("refused", failure));
          Thread.sleep(Math.round(failure.retrySeconds * 1000));
        }
      }
    } finally {
      channel.shutdownNow();
    }
  }

  private static Object attempt(ManagedChannel channel, Command command) {
    Metadata headers = new Metadata();
    if (command.token != null) {
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + command.token);
    }
    Calls calls = new Calls(
        ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers)),
        command.deadlineSeconds);
    return Cancelling.after(command.cancelAfterSeconds, () -> calls.perform(command.call, command.with));
  }
}
