"""What stands around the routes: keys, limits, rates, a log line and a measure for each request; plain ASGI."""
