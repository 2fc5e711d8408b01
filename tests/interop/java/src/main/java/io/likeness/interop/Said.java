package io.likeness.interop;

import io.likeness.v1.Collection;
import io.likeness.v1.Hit;
import io.likeness.v1.IndexResult;
import io.likeness.v1.ModelBinding;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What is to be said of messages that several calls answer with. */
final class Said {
  private Said() {}

  static Map<String, Object> of(Collection collection) {
    Map<String, String> states = collection.getBindingsList().stream()
        .collect(Collectors.toMap(ModelBinding::getModel, binding -> binding.getState().name()));
    return Map.of("name", collection.getName(), "models", states, "image_count", collection.getImageCount());
  }

  static Map<String, Object> of(IndexResult result) {
    Map<String, Object> said = new LinkedHashMap<>();
    said.put("image_id", result.getImageId());
    said.put("outcome", result.getOutcome().name());
    if (result.hasError()) {
      said.put("error", Failure.of(result.getError()));
    }
    return said;
  }

  static List<Map<String, Object>> of(List<Hit> hits) {
    return hits.stream().map(Said::of).toList();
  }

  private static Map<String, Object> of(Hit hit) {
    return Map.of("image_id", hit.getImageId(), "rank", hit.getRank(), "distance", hit.getDistance());
  }
}
