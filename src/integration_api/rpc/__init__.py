"""The gRPC door: methods that read messages, ask the services, and write messages."""
