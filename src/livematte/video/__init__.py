"""Live video: sources, sinks, and the pipeline between them."""
