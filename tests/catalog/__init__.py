"""The catalog and the settings file."""
