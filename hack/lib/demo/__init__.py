"""hack/demo: a backup that survives what happens to it, shown and proven on a real cluster."""
