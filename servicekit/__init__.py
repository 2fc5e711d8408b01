"""Server plumbing that would be the same in a service about anything: it knows gRPC and no service of ours."""
