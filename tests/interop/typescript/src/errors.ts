import { status as codes, type ServiceError } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, ResourceInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";

/** All that Likeness says of an error, of a call or of one image. */
export interface Failure {
  code: string;
  message: string;
  domain?: string;
  reason?: string;
  metadata?: { [name: string]: string };
  fields?: string[];
  resource?: string;
  retry_seconds?: number;
}

/** Returns the status of a call that failed; one that gRPC itself ended has no details. */
export function statusOf(error: ServiceError): Status {
  const [packed] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (packed instanceof Buffer) return Status.decode(packed);
  if (error.code === undefined) throw error;
  return { code: error.code, message: error.details, details: [] };
}

export function describe(status: Status): Failure {
  const said: Failure = { code: codes[status.code]!, message: status.message };
  for (const { typeUrl, value } of status.details) {
    switch (typeUrl.split("/").at(-1)) {
      case "google.rpc.ErrorInfo":
        Object.assign(said, ErrorInfo.toJSON(ErrorInfo.decode(value)));
        break;
      case "google.rpc.BadRequest":
        said.fields = BadRequest.decode(value).fieldViolations.map((violation) => violation.field);
        break;
      case "google.rpc.ResourceInfo":
        said.resource = ResourceInfo.decode(value).resourceName;
        break;
      case "google.rpc.RetryInfo": {
        const { seconds, nanos } = RetryInfo.decode(value).retryDelay!;
        said.retry_seconds = seconds + nanos / 1e9;
      }
    }
  }
  return said;
}
