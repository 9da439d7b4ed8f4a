"""The gRPC door: its methods join here as they are built."""
