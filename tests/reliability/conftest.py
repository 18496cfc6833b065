"""The same databases as the service's own tests."""

from tests.service.conftest import database_url, postgresql

__all__ = ["database_url", "postgresql"]
