"""Tests of SSH, all through the door: a real endpoint, a real gateway, the real OpenSSH client."""
