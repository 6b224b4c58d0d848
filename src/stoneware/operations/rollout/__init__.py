"""The operation that makes a release true."""
