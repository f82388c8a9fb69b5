"""The command line, `asynctask` and `kubectl asynctask`: the Kubernetes API alone does; history needs the gateway."""
