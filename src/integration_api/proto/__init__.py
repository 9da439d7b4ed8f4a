"""The messages of our gRPC services, made from proto/ by `make generate`."""
