"""Real-time portrait matting with tiny networks."""
