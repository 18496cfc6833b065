"""Tests of the gateway, all through its door: a real process, a real port, real signals."""
