"""What the service says about itself: logs and metrics, by allow-list, never content or secrets."""
