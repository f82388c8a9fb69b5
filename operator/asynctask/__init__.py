"""AsyncTask: long, staged storage jobs on Kubernetes."""

__version__ = "0.1.0"
