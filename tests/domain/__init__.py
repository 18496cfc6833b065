"""The rules, tried as functions."""
