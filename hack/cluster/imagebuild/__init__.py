"""Build the project's images and give them to a cluster, with Docker or without."""
