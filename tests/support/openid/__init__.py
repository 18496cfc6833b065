"""OpenID providers for tests: a real one as a process, and one that lies as it is told."""
