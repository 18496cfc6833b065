"""The service's HTTP door: ``v1/`` (vendor-compatible, one file per noun), ``internal/`` (hub and gateways).

Here: translation between HTTP and operations, who asks (``auth``), statuses and error bodies (``errors``),
strict JSON (``json_body``), the OpenAPI document made from the routes themselves (``openapi``).
Not here: decisions, SQL.
Start reading at ``app`` (what is where) and ``routes`` (how a handler is declared).
"""
