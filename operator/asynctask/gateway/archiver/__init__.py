"""Follows the cluster into SQL, by the gateway that leads."""
