require 'google/protobuf/well_known_types'
require 'google/rpc/code_pb'
require 'google/rpc/error_details_pb'
require 'google/rpc/status_pb'

# Returns the status of a call that failed; one that gRPC itself ended has no details.
def status_of(error)
  error.to_rpc_status || Google::Rpc::Status.new(code: error.code, message: error.details)
end

# Returns all that Likeness says of an error, of a call or of one image.
def describe(status)
  said = { code: Google::Rpc::Code.lookup(status.code), message: status.message }
  status.details.each do |detail|
    if (info = detail.unpack(Google::Rpc::ErrorInfo))
      said.update(domain: info.domain, reason: info.reason, metadata: info.metadata.to_h)
    elsif (bad = detail.unpack(Google::Rpc::BadRequest))
      said[:fields] = bad.field_violations.map(&:field)
    elsif (about = detail.unpack(Google::Rpc::ResourceInfo))
      said[:resource] = about.resource_name
    elsif (wait = detail.unpack(Google::Rpc::RetryInfo))
      said[:retry_seconds] = wait.retry_delay.seconds + wait.retry_delay.nanos / 1e9
    end
  end
  said
end
