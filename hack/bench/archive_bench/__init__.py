"""History at scale: what a page of it costs."""
