"""Tasks as the API shows and changes them, wherever they are: in the cluster or in the archive."""
