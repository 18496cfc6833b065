"""Every message that crosses a process, as pydantic models.

Here: shapes, field rules and their documentation. Not here: decisions, I/O.
``api_v1`` holds the vendor's shapes, ``runs`` what hub and gateway say to the service, ``policy`` what the
service says to a gateway, ``sync`` the data sync's job, progress and report, ``notebooks`` what the spawn page needs,
``local`` the files that a local notebook's processes share, ``ssh`` what the SSH endpoint asks.
"""
