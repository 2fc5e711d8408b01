package io.likeness.interop;

import com.google.gson.Gson;
import io.grpc.EquivalentAddressGroup;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Map;

/** Opens channels to one or more addresses of the same service. */
final class Channels {
  private Channels() {}

  @SuppressWarnings("unchecked")
  static ManagedChannel open(List<String> addresses, String serviceConfig) {
    NameResolverRegistry.getDefaultRegistry().register(new Listed());
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder("list:///" + String.join(",", addresses), InsecureChannelCredentials.create());
    if (serviceConfig != null) {
      // gRPC takes JSON as maps, lists, strings and doubles: what Gson makes of it.
      builder.defaultServiceConfig(new Gson().fromJson(serviceConfig, Map.class));
    }
    return builder.build();
  }

  /** Resolves list:///HOST:PORT,HOST:PORT. */
  private static final class Listed extends NameResolverProvider {
    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
      List<EquivalentAddressGroup> groups =
          List.of(target.getPath().substring(1).split(",")).stream().map(Listed::address).toList();
      return new NameResolver() {
        @Override
        public String getServiceAuthority() {
          return "likeness";
        }

        @Override
        public void start(Listener2 listener) {
          listener.onResult(
              ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromValue(groups)).build());
        }

        @Override
        public void shutdown() {}
      };
    }

    private static EquivalentAddressGroup address(String text) {
      String[] parts = text.split(":");
      return new EquivalentAddressGroup(new InetSocketAddress(parts[0], Integer.parseInt(parts[1])));
    }

    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 5;
    }

    @Override
    public String getDefaultScheme() {
      return "list";
    }
  }
}
