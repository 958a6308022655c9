"""Tests on a real kubelet with a real containerd (`make test-node`)."""
