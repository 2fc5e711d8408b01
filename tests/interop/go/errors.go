package main

import (
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
)

// failure is all that Likeness says of an error, of a call or of one image.
type failure struct {
	Code         string            `json:"code"`
	Message      string            `json:"message"`
	Domain       string            `json:"domain,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Fields       []string          `json:"fields,omitempty"`
	Resource     string            `json:"resource,omitempty"`
	RetrySeconds float64           `json:"retry_seconds,omitempty"`
}

func describe(status *spb.Status) failure {
	said := failure{Code: code.Code(status.Code).String(), Message: status.Message}
	for _, detail := range status.Details {
		message, err := detail.UnmarshalNew()
		check(err)
		switch message := message.(type) {
		case *errdetails.ErrorInfo:
			said.Domain, said.Reason, said.Metadata = message.Domain, message.Reason, message.Metadata
		case *errdetails.BadRequest:
			for _, violation := range message.FieldViolations {
				said.Fields = append(said.Fields, violation.Field)
			}
		case *errdetails.ResourceInfo:
			said.Resource = message.ResourceName
		case *errdetails.RetryInfo:
			said.RetrySeconds = message.RetryDelay.AsDuration().Seconds()
		}
	}
	return said
}
