"""OpenTelemetry for an application: spans, metrics and logs of what it serves.

``settings`` is what can be chosen, ``entry`` decides at the first request whether anybody observes.
Only then the rest is imported, and with it the package opentelemetry-api: ``server`` is the span,
the metrics and the error log of a request, ``observation`` what is known of it, ``compiled`` has
the routes report the steps of their plans, ``exporting`` sets up exporters from the environment.
"""
