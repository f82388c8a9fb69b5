"""What the gateway costs those who call it."""
