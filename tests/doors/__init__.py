"""Each way in, tried as a stranger would, outside this checkout: `make doors`."""
