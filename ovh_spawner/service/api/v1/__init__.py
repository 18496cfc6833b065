"""The public API, one file per noun; each declares its routes and translates, nothing more.

Here: the vendor's paths, parameters and shapes. Not here: statuses of errors (``api/errors``), decisions.
"""
