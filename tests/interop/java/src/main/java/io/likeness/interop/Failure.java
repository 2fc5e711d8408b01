package io.likeness.interop;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.Map;

/** All that Likeness says of an error, of a call or of one image. */
final class Failure {
  String code;
  String message;
  String domain;
  String reason;
  Map<String, String> metadata;
  List<String> fields;
  String resource;
  Double retrySeconds;

  static Failure of(StatusRuntimeException error) {
    return of(StatusProto.fromThrowable(error));
  }

  static Failure of(Status status) {
    Failure said = new Failure();
    said.code = Code.forNumber(status.getCode()).name();
    said.message = status.getMessage();
    try {
      for (Any detail : status.getDetailsList()) {
        said.add(detail);
      }
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalStateException(error);
    }
    return said;
  }

  private void add(Any detail) throws InvalidProtocolBufferException {
    if (detail.is(ErrorInfo.class)) {
      ErrorInfo info = detail.unpack(ErrorInfo.class);
      domain = info.getDomain();
      reason = info.getReason();
      metadata = info.getMetadataMap();
    } else if (detail.is(BadRequest.class)) {
      BadRequest bad = detail.unpack(BadRequest.class);
      fields = bad.getFieldViolationsList().stream().map(BadRequest.FieldViolation::getField).toList();
    } else if (detail.is(ResourceInfo.class)) {
      resource = detail.unpack(ResourceInfo.class).getResourceName();
    } else if (detail.is(RetryInfo.class)) {
      var delay = detail.unpack(RetryInfo.class).getRetryDelay();
      retrySeconds = delay.getSeconds() + delay.getNanos() / 1e9;
    }
  }
}
