"""Score mattes against the truth: metrics, reports and pictures of the worst cases."""
